// Package console drives the console in headless Chromium.
package console
