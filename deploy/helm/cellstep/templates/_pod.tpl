{{/* The pod, the same for a Deployment and a StatefulSet. */}}
{{- define "cellstep.pod" -}}
metadata:
  labels:
    {{- include "cellstep.labels" . | nindent 4 }}
  annotations:
    # Restarts the pods when the settings change.
    checksum/config: {{ include (print $.Template.BasePath "/config.yaml") . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "cellstep.name" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  # 10 s for the pause, then the requests, 5 s for the store, and 5 s to spare.
  terminationGracePeriodSeconds: {{ add .Values.shutdownSeconds 20 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile:
      type: RuntimeDefault
  {{- if eq .Values.store.kind "redis" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "cellstep.selector" . | nindent 10 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: cellstep
      image: {{ include "cellstep.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      ports:
        - name: http
          containerPort: 8080
      envFrom:
        - configMapRef:
            name: {{ include "cellstep.name" . }}
      {{- if or (eq .Values.store.kind "redis") .Values.keys.apiKeysSecret }}
      env:
        {{- if eq .Values.store.kind "redis" }}
        - name: CELLSTEP_STORE
          valueFrom:
            secretKeyRef:
              name: {{ .Values.store.redis.existingSecret }}
              key: store
        {{- end }}
        {{- with .Values.keys.apiKeysSecret }}
        - name: CELLSTEP_API_KEYS
          valueFrom:
            secretKeyRef:
              name: {{ . }}
              key: api-keys
        {{- end }}
      {{- end }}
      # A start after a crash reads the whole store of LMDB.
      startupProbe:
        httpGet: &health
          path: /healthz
          port: http
          scheme: {{ ternary "HTTPS" "HTTP" (ne .Values.tls.existingSecret "") }}
        periodSeconds: 1
        failureThreshold: {{ ternary 600 60 (eq .Values.store.kind "lmdb") }}
      # Does not look at the store: a restart would not repair it.
      livenessProbe:
        httpGet: *health
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
          scheme: {{ ternary "HTTPS" "HTTP" (ne .Values.tls.existingSecret "") }}
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        # The pod goes on serving until every node has removed it from its list.
        preStop:
          exec:
            command: ["node", "-e", "setTimeout(() => {}, 10_000)"]
      resources:
        requests:
          cpu: {{ .Values.cpu | quote }}
          memory: {{ .Values.memory }}
        limits:
          memory: {{ .Values.memory }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: ["ALL"]
      {{- if or (eq .Values.store.kind "lmdb") .Values.keys.existingSecret .Values.tls.existingSecret }}
      volumeMounts:
        {{- if eq .Values.store.kind "lmdb" }}
        - name: data
          mountPath: /data
        {{- end }}
        {{- if .Values.keys.existingSecret }}
        - name: keys
          mountPath: /etc/cellstep/keys
          readOnly: true
        {{- end }}
        {{- if .Values.tls.existingSecret }}
        - name: tls
          mountPath: /etc/cellstep/tls
          readOnly: true
        {{- end }}
      {{- end }}
  {{- if or .Values.keys.existingSecret .Values.tls.existingSecret }}
  volumes:
    {{- with .Values.keys.existingSecret }}
    - name: keys
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.tls.existingSecret }}
    - name: tls
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
  {{- end }}
{{- end }}
