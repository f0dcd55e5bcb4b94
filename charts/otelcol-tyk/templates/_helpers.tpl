{{- define "otelcol-tyk.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "otelcol-tyk.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "otelcol-tyk.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "otelcol-tyk.selectorLabels" -}}
app.kubernetes.io/name: {{ include "otelcol-tyk.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "otelcol-tyk.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "otelcol-tyk.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "otelcol-tyk.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "otelcol-tyk.fullname" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "otelcol-tyk.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}

{{/* config, pumpConf or backend. */}}
{{- define "otelcol-tyk.mode" -}}
{{- if and .Values.backend (or .Values.pumpConf .Values.pumpConfSecret.name) }}{{ fail "backend and pumpConf are both set: use one of them" }}{{ end }}
{{- if .Values.backend }}backend{{ else if or .Values.pumpConf .Values.pumpConfSecret.name }}pumpConf{{ else }}config{{ end }}
{{- end }}

{{/* Four fifths of the memory limit, as GOMEMLIMIT wants it. */}}
{{- define "otelcol-tyk.gomemlimit" -}}
{{- $limit := dig "limits" "memory" "" (.Values.resources | default dict) | toString }}
{{- if regexMatch "^[0-9]+Gi$" $limit }}{{ div (mul (trimSuffix "Gi" $limit | atoi) 1024 4) 5 }}MiB
{{- else if regexMatch "^[0-9]+Mi$" $limit }}{{ div (mul (trimSuffix "Mi" $limit | atoi) 4) 5 }}MiB
{{- end }}
{{- end }}

{{/* What the chart makes of redis, sql and otlp. */}}
{{- define "otelcol-tyk.base" -}}
{{- $redis := .Values.redis }}
receivers:
  tykredis:
    addresses: {{ toJson $redis.addresses }}
    {{- with $redis.username }}
    username: {{ . | quote }}
    {{- end }}
    {{- if $redis.existingSecret.name }}
    password: "${env:TYK_REDIS_PASSWORD}"
    {{- end }}
    {{- if $redis.cluster }}
    cluster: true
    {{- else }}
    database: {{ $redis.database }}
    {{- end }}
    {{- if $redis.sentinel.masterName }}
    sentinel:
      master_name: {{ $redis.sentinel.masterName | quote }}
      {{- if $redis.sentinel.existingSecret.name }}
      password: "${env:REDIS_SENTINEL_PASSWORD}"
      {{- end }}
    {{- end }}
    tls:
      insecure: {{ not $redis.tls.enabled }}
      {{- if $redis.tls.enabled }}
      {{- if $redis.tls.insecureSkipVerify }}
      insecure_skip_verify: true
      {{- end }}
      {{- if $redis.tls.caSecret.name }}
      ca_file: /etc/otelcol-tyk/redis-ca/{{ $redis.tls.caSecret.key }}
      {{- end }}
      {{- end }}
    group: {{ include "otelcol-tyk.fullname" . }}
    shutdown_timeout: {{ .Values.shutdownTimeoutSeconds }}s
  {{- if .Values.otlp.enabled }}
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317 # all addresses of the pod: gateways in other pods send here
      http:
        endpoint: 0.0.0.0:4318 # as well
  {{- end }}
processors:
  memory_limiter:
    check_interval: 1s
    limit_percentage: 80
    spike_limit_percentage: 15
  tykfilter: {}
extensions:
  tykhealth:
    endpoint: 0.0.0.0:13133 # all addresses of the pod: the kubelet asks here
    recovery_duration: 30s
{{- if .Values.sql.enabled }}
exporters:
  tyksql:
    driver: {{ .Values.sql.driver }}
    datasource: "${env:TYK_SQL_DATASOURCE}"
    tables:
      mcp: {enabled: true}
{{- end }}
service:
  extensions: [tykhealth]
  {{- if .Values.sql.enabled }}
  pipelines:
    logs:
      receivers: [tykredis]
      processors: [memory_limiter, tykfilter]
      exporters: [tyksql]
  {{- end }}
{{- end }}

{{/* The collector's own metrics, on all addresses of the pod, since Prometheus asks from outside. */}}
{{- define "otelcol-tyk.telemetry" -}}
service:
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: 0.0.0.0
                port: 8888
{{- end }}

{{/* What stands in the configuration file. */}}
{{- define "otelcol-tyk.config" -}}
{{- $config := fromYaml (include "otelcol-tyk.telemetry" .) }}
{{- if eq (include "otelcol-tyk.mode" .) "config" }}
{{- $config = mustMergeOverwrite $config (fromYaml (include "otelcol-tyk.base" .)) }}
{{- else }}
{{- $config = mustMergeOverwrite $config (dict "extensions" (dict "tykhealth" (dict "endpoint" "0.0.0.0:13133"))) }}
{{- end }}
{{- toYaml (mustMergeOverwrite $config (deepCopy .Values.config)) }}
{{- end }}

{{- define "otelcol-tyk.secretEnv" -}}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ required (printf "%s needs a Secret: set %s.existingSecret.name" .variable .values) .secret.name }}
      key: {{ .secret.key }}
{{- end }}

{{/* The variables that Tyk's chart gives Tyk Pump. */}}
{{- define "otelcol-tyk.backendEnv" -}}
{{- $known := list "prometheus" "postgres" "postgres-pump" "postgres-aggregate" "mongo" "mongo-aggregate" "mongo-selective" "hybrid" }}
{{- range .Values.backend }}{{ if not (has . $known) }}{{ fail (printf "backend: %q is not one of %s" . (join ", " $known)) }}{{ end }}{{ end }}
{{- $redis := .Values.redis }}
- {name: TYK_PMP_OMITCONFIGFILE, value: "true"}
- {name: TYK_PMP_ANALYTICSSTORAGETYPE, value: redis}
- {name: TYK_PMP_ANALYTICSSTORAGECONFIG_ADDRS, value: {{ join "," $redis.addresses | quote }}}
- {name: TYK_PMP_ANALYTICSSTORAGECONFIG_REDISUSESSL, value: {{ $redis.tls.enabled | quote }}}
{{- if $redis.tls.insecureSkipVerify }}
- {name: TYK_PMP_ANALYTICSSTORAGECONFIG_REDISSSLINSECURESKIPVERIFY, value: "true"}
{{- end }}
{{- if $redis.tls.caSecret.name }}
- {name: TYK_PMP_ANALYTICSSTORAGECONFIG_REDISSSLCAFILE, value: /etc/otelcol-tyk/redis-ca/{{ $redis.tls.caSecret.key }}}
{{- end }}
{{- with $redis.username }}
- {name: TYK_PMP_ANALYTICSSTORAGECONFIG_USERNAME, value: {{ . | quote }}}
{{- end }}
{{- if $redis.existingSecret.name }}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_ANALYTICSSTORAGECONFIG_PASSWORD" "secret" $redis.existingSecret "values" "redis") }}
{{- end }}
{{- if $redis.sentinel.masterName }}
- {name: TYK_PMP_ANALYTICSSTORAGECONFIG_MASTERNAME, value: {{ $redis.sentinel.masterName | quote }}}
{{- if $redis.sentinel.existingSecret.name }}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_ANALYTICSSTORAGECONFIG_SENTINELPASSWORD" "secret" $redis.sentinel.existingSecret "values" "redis.sentinel") }}
{{- end }}
{{- else if $redis.cluster }}
- {name: TYK_PMP_ANALYTICSSTORAGECONFIG_ENABLECLUSTER, value: "true"}
{{- else }}
- {name: TYK_PMP_ANALYTICSSTORAGECONFIG_DATABASE, value: {{ $redis.database | quote }}}
{{- end }}
{{- if has "prometheus" .Values.backend }}
- {name: TYK_PMP_PUMPS_PROMETHEUS_TYPE, value: prometheus}
- {name: TYK_PMP_PUMPS_PROMETHEUS_META_ADDR, value: ":{{ .Values.prometheusPump.port }}"}
- {name: TYK_PMP_PUMPS_PROMETHEUS_META_PATH, value: {{ .Values.prometheusPump.path | quote }}}
{{- with .Values.prometheusPump.customMetrics }}
- name: TYK_PMP_PUMPS_PROMETHEUS_META_CUSTOMMETRICS
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- if or (has "postgres" .Values.backend) (has "postgres-pump" .Values.backend) }}
- {name: TYK_PMP_PUMPS_SQL_TYPE, value: sql}
- {name: TYK_PMP_PUMPS_SQL_META_TYPE, value: postgres}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING" "secret" .Values.postgres.existingSecret "values" "postgres") }}
{{- end }}
{{- if or (has "postgres" .Values.backend) (has "postgres-aggregate" .Values.backend) }}
- {name: TYK_PMP_PUMPS_SQLAGGREGATE_TYPE, value: sql_aggregate}
- {name: TYK_PMP_PUMPS_SQLAGGREGATE_META_TYPE, value: postgres}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_PUMPS_SQLAGGREGATE_META_CONNECTIONSTRING" "secret" .Values.postgres.existingSecret "values" "postgres") }}
{{- end }}
{{- if has "mongo" .Values.backend }}
- {name: TYK_PMP_PUMPS_MONGO_TYPE, value: mongo}
- {name: TYK_PMP_PUMPS_MONGO_META_COLLECTIONNAME, value: tyk_analytics_pump}
- {name: TYK_PMP_PUMPS_MONGO_META_MONGOUSESSL, value: {{ .Values.mongo.useSSL | quote }}}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_PUMPS_MONGO_META_MONGOURL" "secret" .Values.mongo.existingSecret "values" "mongo") }}
{{- end }}
{{- if or (has "mongo" .Values.backend) (has "mongo-aggregate" .Values.backend) }}
- {name: TYK_PMP_PUMPS_MONGOAGGREGATE_TYPE, value: mongo-pump-aggregate}
- {name: TYK_PMP_PUMPS_MONGOAGGREGATE_META_MONGOUSESSL, value: {{ .Values.mongo.useSSL | quote }}}
- {name: TYK_PMP_PUMPS_MONGOAGGREGATE_META_USEMIXEDCOLLECTION, value: "true"}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_PUMPS_MONGOAGGREGATE_META_MONGOURL" "secret" .Values.mongo.existingSecret "values" "mongo") }}
{{- end }}
{{- if or (has "mongo" .Values.backend) (has "mongo-selective" .Values.backend) }}
- {name: TYK_PMP_PUMPS_MONGOSELECTIVE_TYPE, value: mongo-pump-selective}
- {name: TYK_PMP_PUMPS_MONGOSELECTIVE_META_MONGOUSESSL, value: {{ .Values.mongo.useSSL | quote }}}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_PUMPS_MONGOSELECTIVE_META_MONGOURL" "secret" .Values.mongo.existingSecret "values" "mongo") }}
{{- end }}
{{- if has "hybrid" .Values.backend }}
{{- $hybrid := .Values.hybridPump }}
- {name: TYK_PMP_PUMPS_HYBRID_TYPE, value: hybrid}
- {name: TYK_PMP_PUMPS_HYBRID_META_CONNECTIONSTRING, value: {{ required "hybridPump.connectionString names the MDCB: host:port" $hybrid.connectionString | quote }}}
- {name: TYK_PMP_PUMPS_HYBRID_META_RPCKEY, value: {{ $hybrid.orgId | quote }}}
- {name: TYK_PMP_PUMPS_HYBRID_META_GROUPID, value: {{ $hybrid.groupID | quote }}}
- {name: TYK_PMP_PUMPS_HYBRID_META_USESSL, value: {{ $hybrid.useSSL | quote }}}
- {name: TYK_PMP_PUMPS_HYBRID_META_SSLINSECURESKIPVERIFY, value: {{ $hybrid.sslInsecureSkipVerify | quote }}}
- {name: TYK_PMP_PUMPS_HYBRID_META_AGGREGATED, value: {{ $hybrid.enableAggregateAnalytics | quote }}}
- {name: TYK_PMP_PUMPS_HYBRID_META_CALLTIMEOUT, value: {{ $hybrid.callTimeout | quote }}}
- {name: TYK_PMP_PUMPS_HYBRID_META_RPCPOOLSIZE, value: {{ $hybrid.poolSize | quote }}}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_PUMPS_HYBRID_META_APIKEY" "secret" $hybrid.existingSecret "values" "hybridPump") }}
{{- end }}
{{- if eq .Values.uptimePumpBackend "postgres" }}
- {name: TYK_PMP_UPTIMEPUMPCONFIG_UPTIMETYPE, value: sql}
- {name: TYK_PMP_UPTIMEPUMPCONFIG_TYPE, value: postgres}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_UPTIMEPUMPCONFIG_CONNECTIONSTRING" "secret" .Values.postgres.existingSecret "values" "postgres") }}
{{- else if eq .Values.uptimePumpBackend "mongo" }}
- {name: TYK_PMP_UPTIMEPUMPCONFIG_COLLECTIONNAME, value: tyk_uptime_analytics}
- {name: TYK_PMP_UPTIMEPUMPCONFIG_MONGOUSESSL, value: {{ .Values.mongo.useSSL | quote }}}
{{ include "otelcol-tyk.secretEnv" (dict "variable" "TYK_PMP_UPTIMEPUMPCONFIG_MONGOURL" "secret" .Values.mongo.existingSecret "values" "mongo") }}
{{- else }}
- {name: TYK_PMP_DONTPURGEUPTIMEDATA, value: "true"}
{{- end }}
{{- end }}

{{- define "otelcol-tyk.pumpKey" -}}
{{- if .Values.pumpConf }}pump.conf{{ else }}{{ .Values.pumpConfSecret.key }}{{ end }}
{{- end }}
