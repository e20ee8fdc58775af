{{- define "cellstep.name" -}}
{{- if contains "cellstep" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-cellstep" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "cellstep.selector" -}}
app.kubernetes.io/name: cellstep
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cellstep.labels" -}}
{{ include "cellstep.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "cellstep.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The port of a URL, or that of its scheme. */}}
{{- define "cellstep.port" -}}
{{- $authority := . | trim | regexFind "^([A-Za-z]+://)?[^/?#]+" }}
{{- regexFind ":[0-9]+$" $authority | trimPrefix ":" | default (ternary "80" "443" (hasPrefix "http://" $authority)) }}
{{- end }}

{{/* The ports that pods reach beside DNS, as a list: Redis, the keys of the issuer, the collector of traces, and what the values add. */}}
{{- define "cellstep.egressPorts" -}}
{{- $ports := list }}
{{- if eq .Values.store.kind "redis" }}{{ $ports = append $ports "6379" }}{{ end }}
{{- $env := .Values.env | default dict }}
{{- $collector := $env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT | default $env.OTEL_EXPORTER_OTLP_ENDPOINT }}
{{- $protocol := $env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL | default $env.OTEL_EXPORTER_OTLP_PROTOCOL }}
{{- /* Over gRPC, a URL without a port means 443 with every scheme. */}}
{{- if and $collector (eq ($protocol | default "") "grpc") }}{{ $collector = regexReplaceAll "^[A-Za-z]+://" $collector "" }}{{ end }}
{{- range list .Values.oidc.issuer $env.CELLSTEP_OIDC_JWKS_URL $collector $env.OTEL_EXPORTER_ZIPKIN_ENDPOINT }}
{{- if . }}{{ $ports = append $ports (include "cellstep.port" .) }}{{ end }}
{{- end }}
{{- range .Values.networkPolicy.egressPorts }}{{ $ports = append $ports (toString .) }}{{ end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* What cannot work is refused before anything is made. */}}
{{- define "cellstep.check" -}}
{{- if and (eq .Values.store.kind "redis") (not .Values.store.redis.existingSecret) }}
{{- fail "store.redis.existingSecret is empty. Name a Secret with the URL of Redis under the key `store`." }}
{{- end }}
{{- if not (or .Values.keys.existingSecret .Values.keys.apiKeysSecret .Values.oidc.issuer (eq (.Values.env.CELLSTEP_AUTH | default "") "none")) }}
{{- fail "Nobody may call. Set keys.existingSecret, keys.apiKeysSecret or oidc.issuer, or env.CELLSTEP_AUTH to none to let in everybody." }}
{{- end }}
{{- if and .Values.oidc.issuer (not .Values.oidc.audience) }}
{{- fail "oidc.issuer needs oidc.audience." }}
{{- end }}
{{- if and (eq .Values.store.kind "lmdb") .Values.autoscaling.enabled }}
{{- fail "autoscaling needs store.kind redis. One pod owns the volume of LMDB." }}
{{- end }}
{{- if and .Values.monitoring.serviceMonitor.enabled (not .Values.monitoring.serviceMonitor.keySecret) (ne (.Values.env.CELLSTEP_AUTH | default "") "none") }}
{{- fail "monitoring.serviceMonitor.keySecret is empty. /metrics needs a key of the scope admin." }}
{{- end }}
{{- end }}
