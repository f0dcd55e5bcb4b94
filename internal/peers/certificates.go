package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificates are PEM files of a throwaway authority and of a server and a
// client that it vouches for. They are valid for one day, for localhost and
// 127.0.0.1.
type Certificates struct {
	// CAFile is the authority's certificate.
	CAFile string
	// ServerCertFile and ServerKeyFile are the server's.
	ServerCertFile, ServerKeyFile string
	// ClientCertFile and ClientKeyFile are the client's.
	ClientCertFile, ClientKeyFile string
}

// NewCertificates writes fresh certificates into dir. The client's common name
// is clientName, which PostgreSQL and others map to a user.
func NewCertificates(dir, clientName string) (*Certificates, error) {
	file := func(name string) string { return filepath.Join(dir, name) }
	c := &Certificates{
		CAFile:         file("ca.crt"),
		ServerCertFile: file("server.crt"), ServerKeyFile: file("server.key"),
		ClientCertFile: file("client.crt"), ClientKeyFile: file("client.key"),
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	ca := template(1, "throwaway authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	server := template(2, "localhost")
	server.DNSNames, server.IPAddresses = []string{"localhost"}, []net.IP{net.ParseIP(Loopback)}
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	client := template(3, clientName)
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if err := errors.Join(
		writePEM(c.CAFile, "CERTIFICATE", caDER, 0o644),
		issue(server, ca, caKey, c.ServerCertFile, c.ServerKeyFile),
		issue(client, ca, caKey, c.ClientCertFile, c.ClientKeyFile),
	); err != nil {
		return nil, err
	}
	return c, nil
}

// ClientConfig is the TLS configuration of a client that trusts the authority
// and shows the client certificate.
func (c *Certificates) ClientConfig() (*tls.Config, error) {
	ca, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", c.CAFile)
	}
	pair, err := tls.LoadX509KeyPair(c.ClientCertFile, c.ClientKeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the client's certificate: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}, ServerName: "localhost",
	}, nil
}

func template(serial int64, name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func issue(cert, ca *x509.Certificate, caKey *ecdsa.PrivateKey, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key of %q: %w", cert.Subject.CommonName, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, ca, key.Public(), caKey)
	if err != nil {
		return fmt.Errorf("make the certificate of %q: %w", cert.Subject.CommonName, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the key of %q: %w", cert.Subject.CommonName, err)
	}
	return errors.Join(
		writePEM(certFile, "CERTIFICATE", der, 0o644),
		writePEM(keyFile, "PRIVATE KEY", keyDER, 0o600),
	)
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return fmt.Errorf("write a certificate: %w", err)
	}
	return nil
}
