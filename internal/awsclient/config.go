package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"go.opentelemetry.io/collector/config/configopaque"
)

// Config says where a service is, and as whom it is asked; it is part of an exporter's configuration. What is not set
// is found as Amazon's SDK does it: in the variables AWS_*, in shared files, or from the machine.
type Config struct {
	// Region is such as eu-west-1.
	Region string `mapstructure:"region"`
	// Endpoint is the URL of another server than the region's.
	Endpoint string `mapstructure:"endpoint"`
	// AccessKeyID and SecretAccessKey are those of a user, both or none.
	AccessKeyID     configopaque.String `mapstructure:"access_key_id"`
	SecretAccessKey configopaque.String `mapstructure:"secret_access_key"`
	// SessionToken belongs to keys that are for some time only.
	SessionToken configopaque.String `mapstructure:"session_token"`
	// RoleARN is a role to take on, with the credentials that there are.
	RoleARN string `mapstructure:"role_arn"`
	// ExternalID is what the role's owner asks for, where the owner is somebody else.
	ExternalID configopaque.String `mapstructure:"external_id"`
}

// Check finds what cannot work, without asking anybody.
func (c *Config) Check() error {
	var errs []error
	if c.Endpoint != "" {
		address, err := url.Parse(c.Endpoint)
		if err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") {
			errs = append(errs, errors.New("endpoint: the value is no address: use one like https://sqs.eu-west-1.amazonaws.com, or leave it out"))
		} else if address.User != nil {
			errs = append(errs, errors.New("endpoint: the value has credentials, which nobody reads there: use access_key_id and secret_access_key"))
		}
	}
	if (c.AccessKeyID == "") != (c.SecretAccessKey == "") {
		errs = append(errs, errors.New("access_key_id, secret_access_key: only one is set: set both, or none to have them found"))
	}
	if c.SessionToken != "" && c.AccessKeyID == "" {
		errs = append(errs, errors.New("session_token: belongs to access_key_id and secret_access_key, which are not set"))
	}
	if c.RoleARN != "" && !strings.HasPrefix(c.RoleARN, "arn:") {
		errs = append(errs, fmt.Errorf("role_arn: %q is no ARN: use one like arn:aws:iam::123456789012:role/name", c.RoleARN))
	}
	if c.ExternalID != "" && c.RoleARN == "" {
		errs = append(errs, errors.New("external_id: belongs to role_arn, which is not set"))
	}
	return errors.Join(errs...)
}

// Load finds what is not set. Its clients ask once: who calls them repeats.
func (c *Config) Load(ctx context.Context) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.AccessKeyID != "" {
		static := credentials.NewStaticCredentialsProvider(string(c.AccessKeyID), string(c.SecretAccessKey), string(c.SessionToken))
		options = append(options, config.WithCredentialsProvider(static))
	}
	found, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the settings of AWS from the environment and shared files: %w", err)
	}
	if found.Region == "" {
		return aws.Config{}, errors.New("region: is not set, and neither AWS_REGION nor a shared file names one: set it")
	}
	found.HTTPClient = withPlainBodies(found.HTTPClient)
	if c.RoleARN != "" {
		found.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(found), c.RoleARN,
			func(o *stscreds.AssumeRoleOptions) {
				o.RoleSessionName = "otelcol-tyk"
				if c.ExternalID != "" {
					o.ExternalID = aws.String(string(c.ExternalID))
				}
			}))
	}
	return found, nil
}

// Base is the endpoint as clients' options want it.
func (c *Config) Base() *string {
	if c.Endpoint == "" {
		return nil
	}
	return &c.Endpoint
}
