{{/* What every pod has before its containers: (dict "root" $ "part" "worker" "values" $.Values.worker). */}}
{{- define "stillwatch.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with .root.Values.security.runAsUser }}
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  {{- end }}
  {{- with .root.Values.security.fsGroup }}
  fsGroup: {{ . }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range .values.topologySpreadConstraints }}
  - {{ toYaml . | nindent 4 | trim }}
    labelSelector:
      matchLabels:
        {{- include "stillwatch.selector" (dict "root" $.root "part" $.part) | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}

{{/* What every container has beside its command, environment and ports. */}}
{{- define "stillwatch.container" -}}
image: {{ include "stillwatch.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Annotations of a pod: a pod whose policy has changed starts anew. */}}
{{- define "stillwatch.podAnnotations" -}}
{{- $found := dict -}}
{{- if and (has .part (list "worker" "enforcer" "notifier")) (not .root.Values.policy.existingConfigMap) -}}
{{- $_ := set $found "checksum/policy" (include "stillwatch.policyText" .root | sha256sum) -}}
{{- end -}}
{{- $found = merge (deepCopy (.values.podAnnotations | default dict)) $found -}}
{{- if $found }}
annotations:
  {{- toYaml $found | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where caches and whatever else needs a file may go; the root of each container is read-only. */}}
{{- define "stillwatch.tmp.volume" -}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- end }}

{{- define "stillwatch.policy.volume" -}}
- name: policy
  configMap:
    name: {{ include "stillwatch.policyName" . }}
    items:
      - {key: {{ .Values.policy.key | quote }}, path: policy.toml}
{{- end }}

{{/* The public keys that decisions, and a worker's models, are checked with: a new one in it needs no restart. */}}
{{- define "stillwatch.verify.volume" -}}
{{- if .Values.signing.verifyKeysSecret }}
- name: verify-keys
  secret: {secretName: {{ .Values.signing.verifyKeysSecret }}, defaultMode: 0440}
{{- else if .Values.signing.verifyKeysConfigMap }}
- name: verify-keys
  configMap: {name: {{ .Values.signing.verifyKeysConfigMap }}}
{{- end }}
{{- end }}

{{- define "stillwatch.verify.env" -}}
{{- if or .Values.signing.verifyKeysSecret .Values.signing.verifyKeysConfigMap }}
- name: STILLWATCH_VERIFY_KEYS
  value: /etc/stillwatch/verify-keys
{{- end }}
{{- end }}

{{/* A mount of each of our volumes (as YAML, "volumes"), named as they are. */}}
{{- define "stillwatch.mounts" -}}
{{- range .volumes | fromYamlArray }}
- name: {{ .name }}
  {{- if eq .name "tmp" }}
  mountPath: /tmp
  {{- else }}
  mountPath: /etc/stillwatch/{{ .name }}
  readOnly: true
  {{- end }}
{{- end }}
{{- end }}

{{/* All three probes: (dict "port" "http" "probes" .Values.worker.probes). */}}
{{- define "stillwatch.probes" -}}
{{- range $kind, $path := dict "startup" "/healthz" "liveness" "/healthz" "readiness" "/readyz" }}
{{ $kind }}Probe:
  httpGet: {path: {{ $path }}, port: {{ $.port }}}
  {{- toYaml (index $.probes $kind) | nindent 2 }}
{{- end }}
{{- end }}
