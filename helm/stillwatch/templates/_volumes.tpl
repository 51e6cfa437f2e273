{{/* The volumes that the pods of each part have: (dict "root" $ "values" $.Values.worker "user" "worker"). */}}
{{- define "stillwatch.worker.volumes" -}}
{{ include "stillwatch.tmp.volume" .root }}
{{ include "stillwatch.policy.volume" .root }}
{{- include "stillwatch.kafka.volumes" . }}
{{- include "stillwatch.redis.volumes" . }}
{{- include "stillwatch.verify.volume" .root }}
{{- with .root.Values.signing.existingSecret }}
- name: signing-key
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - {key: {{ $.root.Values.signing.key | quote }}, path: signing.key}
{{- end }}
{{- end }}

{{- define "stillwatch.enforcer.volumes" -}}
{{ include "stillwatch.tmp.volume" .root }}
{{ include "stillwatch.policy.volume" .root }}
{{- include "stillwatch.verify.volume" .root }}
{{- if .values.followKafka }}
{{- include "stillwatch.kafka.volumes" . }}
{{- end }}
{{- if .values.useRedis }}
{{- include "stillwatch.redis.volumes" . }}
{{- end }}
{{- if .values.grpc.enabled }}
- name: envoy
  secret:
    secretName: {{ .values.grpc.existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .values.grpc.certificateKey | quote }}, path: tls.crt}
      - {key: {{ .values.grpc.privateKeyKey | quote }}, path: tls.key}
      {{- with .values.grpc.caKey }}
      - {key: {{ . | quote }}, path: ca.crt}
      {{- end }}
{{- end }}
{{- end }}

{{- define "stillwatch.notifier.volumes" -}}
{{ include "stillwatch.tmp.volume" .root }}
{{ include "stillwatch.policy.volume" .root }}
{{- include "stillwatch.verify.volume" .root }}
{{- include "stillwatch.kafka.volumes" . }}
{{- with .values.auth }}
{{- if .existingSecret }}
- name: alertmanager
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      {{- if .username }}
      - {key: {{ .passwordKey | quote }}, path: password}
      {{- else }}
      - {key: {{ .tokenKey | quote }}, path: token}
      {{- end }}
{{- end }}
{{- end }}
{{- if .values.tls.caSecret }}
- name: alertmanager-ca
  secret:
    secretName: {{ .values.tls.caSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .values.tls.caKey | quote }}, path: ca.crt}
{{- end }}
{{- end }}

{{- define "stillwatch.normaliser.volumes" -}}
{{ include "stillwatch.tmp.volume" .root }}
{{- include "stillwatch.kafka.volumes" . }}
- name: fingerprint
  secret:
    secretName: {{ .values.fingerprintKey.existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .values.fingerprintKey.key | quote }}, path: key}
{{- end }}

{{- define "stillwatch.topics.volumes" -}}
{{ include "stillwatch.tmp.volume" .root }}
{{- include "stillwatch.kafka.volumes" . }}
{{- end }}

{{- define "stillwatch.doctor.volumes" -}}
{{ include "stillwatch.tmp.volume" .root }}
{{- include "stillwatch.verify.volume" .root }}
{{- include "stillwatch.kafka.volumes" . }}
{{- include "stillwatch.redis.volumes" . }}
{{- end }}
