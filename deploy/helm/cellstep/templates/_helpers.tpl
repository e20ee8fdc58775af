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
