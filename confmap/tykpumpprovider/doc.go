// Package tykpumpprovider lets the collector run with the configuration of Tyk Pump, a
// pump.conf and the environment: --config tykpump:/opt/tyk-pump/pump.conf.
package tykpumpprovider
