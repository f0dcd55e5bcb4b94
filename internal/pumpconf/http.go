package pumpconf

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// readURL takes a URL apart: scheme, and host with its port. The error never shows it.
func readURL(text string) (*url.URL, string, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || checkPlace([]string{u.Host}, "") != nil {
		return nil, "", fmt.Errorf("the value (not shown, it may hold credentials) is not a URL: write one such as https://host:8088")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u, net.JoinHostPort(strings.ToLower(u.Hostname()), port), nil
}

// httpDestination is a destination of servers, which are given as scheme://host:port.
func httpDestination(family, title string, servers []string) destination {
	sites := make([]string, len(servers))
	for i, server := range servers {
		scheme, host, _ := strings.Cut(server, "://")
		sites[i] = host
		if (scheme == "https") != strings.HasSuffix(host, ":443") { // the port does not tell
			sites[i] += "." + scheme
		}
	}
	return destination{
		family: family, identity: family + " " + strings.Join(sites, ","), group: family + "." + sites[0], label: title + " " + strings.Join(servers, ","),
	}
}
