// Command schemas writes the JSON schemas that the chart's manifests are held against: those of Kubernetes, KEDA and the
// Prometheus Operator, for the kinds that the chart makes. Unknown keys are errors in them.
//
//	cd test/packages/schemas && go run . ../testdata/schemas
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// Where schemas come from; the versions are those of the modules.
const (
	kubernetes = "k8s.io/kubernetes@v1.37.2"
	keda       = "github.com/kedacore/keda/v2@v2.21.0"
)

// kinds are what the chart makes of Kubernetes' own, as kubeconform names the files of their schemas.
var kinds = map[string]string{
	"configmap-v1":                           "io.k8s.api.core.v1.ConfigMap",
	"deployment-apps-v1":                     "io.k8s.api.apps.v1.Deployment",
	"horizontalpodautoscaler-autoscaling-v2": "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
	"networkpolicy-networking-v1":            "io.k8s.api.networking.v1.NetworkPolicy",
	"poddisruptionbudget-policy-v1":          "io.k8s.api.policy.v1.PodDisruptionBudget",
	"secret-v1":                              "io.k8s.api.core.v1.Secret",
	"service-v1":                             "io.k8s.api.core.v1.Service",
	"serviceaccount-v1":                      "io.k8s.api.core.v1.ServiceAccount",
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemas FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // all may read it
		return err
	}
	if err := core(folder); err != nil {
		return err
	}
	if err := scaledObject(folder); err != nil {
		return err
	}
	reflector := jsonschema.Reflector{DoNotReference: false, RequiredFromJSONSchemaTags: true}
	for name, kind := range map[string]any{"podmonitor-monitoring-v1": monitoring.PodMonitor{}, "servicemonitor-monitoring-v1": monitoring.ServiceMonitor{}} {
		if err := write(folder, name, reflector.Reflect(kind)); err != nil {
			return err
		}
	}
	return nil
}

// file reads a file of a module.
func file(module string, elements ...string) ([]byte, error) {
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", module, err)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out, &downloaded); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(append([]string{downloaded.Dir}, elements...)...))
}

// core writes the kinds of Kubernetes, with all that they refer to.
func core(folder string) error {
	text, err := file(kubernetes, "api", "openapi-spec", "swagger.json")
	if err != nil {
		return err
	}
	var swagger struct{ Definitions map[string]any }
	if err := json.Unmarshal(text, &swagger); err != nil {
		return err
	}
	for name, definition := range kinds {
		reached := map[string]any{}
		reach(definition, swagger.Definitions, reached)
		schema := map[string]any{"$ref": "#/definitions/" + definition, "definitions": reached}
		if err := write(folder, name, schema); err != nil {
			return err
		}
	}
	return nil
}

// reach collects a definition and what it refers to, each made strict.
func reach(name string, all, reached map[string]any) {
	if _, ok := reached[name]; ok {
		return
	}
	reached[name] = strict(all[name], func(reference string) {
		reach(strings.TrimPrefix(reference, "#/definitions/"), all, reached)
	})
	// What may be a number or a text is a text only in this form of Kubernetes' schemas.
	switch name {
	case "io.k8s.apimachinery.pkg.util.intstr.IntOrString", "io.k8s.apimachinery.pkg.api.resource.Quantity":
		reached[name] = map[string]any{"type": []string{"string", "number"}}
	}
}

// strict leaves descriptions out, and lets no object have other keys than those of its schema.
func strict(node any, refers func(string)) any {
	switch node := node.(type) {
	case []any:
		out := make([]any, 0, len(node))
		for _, element := range node {
			out = append(out, strict(element, refers))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for key, value := range node {
			if text, ok := value.(string); ok && key == "$ref" {
				refers(text)
			}
			if _, text := value.(string); (key == "description" && text) || strings.HasPrefix(key, "x-kubernetes-") || (key == "format" && slices.Contains([]any{"int32", "int64", "int-or-string", "byte"}, value)) {
				continue
			}
			out[key] = strict(value, refers)
		}
		if _, ok := out["properties"].(map[string]any); ok && out["additionalProperties"] == nil {
			out["additionalProperties"] = false
		}
		return out
	default:
		return node
	}
}

// scaledObject writes KEDA's kind, from the definition that KEDA installs.
func scaledObject(folder string) error {
	text, err := file(keda, "config", "crd", "bases", "keda.sh_scaledobjects.yaml")
	if err != nil {
		return err
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return err
	}
	schema, _ := strict(definition.Spec.Versions[0].Schema.OpenAPIV3Schema, func(string) {}).(map[string]any)
	if properties, ok := schema["properties"].(map[string]any); ok {
		properties["metadata"] = map[string]any{"type": "object"}
	}
	return write(folder, "scaledobject-keda-v1alpha1", schema)
}

func write(folder, name string, schema any) error {
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name+".json"), append(text, '\n'), 0o644) //nolint:gosec // all may read it
}
