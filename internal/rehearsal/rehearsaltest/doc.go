// Package rehearsaltest loads what a real Tyk Pump wrote into databases of tests.
package rehearsaltest
