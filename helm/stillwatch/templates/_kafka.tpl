{{/* Where Kafka is: what is set, or the TLS listener of Strimzi's cluster. */}}
{{- define "stillwatch.kafka.servers" -}}
{{- $strimzi := .Values.strimzi -}}
{{- if .Values.kafka.bootstrapServers -}}
{{- .Values.kafka.bootstrapServers -}}
{{- else if $strimzi.enabled -}}
{{- $port := ternary "9092" "9093" (has .Values.kafka.securityProtocol (list "PLAINTEXT" "SASL_PLAINTEXT")) -}}
{{- printf "%s-kafka-bootstrap.%s.svc:%s" $strimzi.cluster ($strimzi.namespace | default .Release.Namespace) $port -}}
{{- else -}}
{{- fail "kafka.bootstrapServers is not set: host:port, with commas between." -}}
{{- end -}}
{{- end }}

{{/* Whether Strimzi makes our users and their Secrets where our pods can read them: "true" or nothing. */}}
{{- define "stillwatch.strimzi.secrets" -}}
{{- $strimzi := .Values.strimzi -}}
{{- if and $strimzi.enabled $strimzi.users (eq ($strimzi.namespace | default .Release.Namespace) .Release.Namespace) -}}
true
{{- end -}}
{{- end }}

{{/*
As whom a part speaks to Kafka: (dict "root" $ "user" "worker"), as JSON. What is not set is what Strimzi makes; a
notifier that is nobody is the enforcer, which may read the decisions too.
*/}}
{{- define "stillwatch.kafka.user" -}}
{{- $users := .root.Values.kafka.users -}}
{{- $name := .user -}}
{{- if and (eq $name "notifier") (not $users.notifier.username) (not $users.notifier.existingSecret) -}}
{{- $name = "enforcer" -}}
{{- end -}}
{{- $user := index $users $name -}}
{{- $made := printf "%s-%s" (include "stillwatch.fullname" .root) $name -}}
{{- $strimzi := .root.Values.strimzi -}}
{{- $username := $user.username | default (ternary $made "" (and $strimzi.enabled $strimzi.users)) -}}
{{- $secret := $user.existingSecret | default (ternary $made "" (eq (include "stillwatch.strimzi.secrets" .root) "true")) -}}
{{- $protocol := .root.Values.kafka.securityProtocol -}}
{{- if hasPrefix "SASL" $protocol -}}
{{- if not $username -}}
{{- fail (printf "kafka.users.%s.username is not set, and kafka.securityProtocol %s asks for one." $name $protocol) -}}
{{- end -}}
{{- if not $secret -}}
{{- fail (printf "kafka.users.%s.existingSecret is not set, and kafka.securityProtocol %s asks for a password." $name $protocol) -}}
{{- end -}}
{{- end -}}
{{- dict "username" $username "secret" $secret "password" $user.passwordKey "certificate" $user.certificateKey "key" $user.privateKeyKey | toJson -}}
{{- end }}

{{- define "stillwatch.kafka.caSecret" -}}
{{- $strimzi := .Values.strimzi -}}
{{- if .Values.kafka.tls.caSecret -}}
{{- .Values.kafka.tls.caSecret -}}
{{- else if and $strimzi.enabled (eq ($strimzi.namespace | default .Release.Namespace) .Release.Namespace) -}}
{{- printf "%s-cluster-ca-cert" $strimzi.cluster -}}
{{- end -}}
{{- end }}

{{/* The environment that says how Kafka is spoken to; a password is in a file, and nowhere else. */}}
{{- define "stillwatch.kafka.env" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $user := include "stillwatch.kafka.user" . | fromJson -}}
- name: KAFKA_BOOTSTRAP_SERVERS
  value: {{ include "stillwatch.kafka.servers" .root | quote }}
- name: KAFKA_SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- name: KAFKA_SASL_MECHANISM
  value: {{ $kafka.saslMechanism }}
- name: KAFKA_SASL_USERNAME
  value: {{ $user.username | quote }}
- name: KAFKA_SASL_PASSWORD_FILE
  value: /etc/stillwatch/kafka/password
{{- end }}
{{- if hasSuffix "SSL" $kafka.securityProtocol }}
{{- if include "stillwatch.kafka.caSecret" .root }}
- name: KAFKA_SSL_CAFILE
  value: /etc/stillwatch/kafka-ca/ca.crt
{{- end }}
{{- if and (eq $kafka.securityProtocol "SSL") $user.secret }}
- name: KAFKA_SSL_CERTFILE
  value: /etc/stillwatch/kafka/tls.crt
- name: KAFKA_SSL_KEYFILE
  value: /etc/stillwatch/kafka/tls.key
{{- end }}
- name: KAFKA_SSL_CHECK_HOSTNAME
  value: {{ $kafka.tls.checkHostname | quote }}
{{- end }}
- name: STILLWATCH_PREFIX
  value: {{ .values.prefix | default $kafka.prefix | quote }}
{{- end }}

{{- define "stillwatch.kafka.volumes" -}}
{{- $protocol := .root.Values.kafka.securityProtocol -}}
{{- $user := include "stillwatch.kafka.user" . | fromJson -}}
{{- if and $user.secret (ne $protocol "PLAINTEXT") }}
- name: kafka
  secret:
    secretName: {{ $user.secret }}
    defaultMode: 0440
    items:
      {{- if hasPrefix "SASL" $protocol }}
      - {key: {{ $user.password | quote }}, path: password}
      {{- else }}
      - {key: {{ $user.certificate | quote }}, path: tls.crt}
      - {key: {{ $user.key | quote }}, path: tls.key}
      {{- end }}
{{- end }}
{{- if and (hasSuffix "SSL" $protocol) (include "stillwatch.kafka.caSecret" .root) }}
- name: kafka-ca
  secret:
    secretName: {{ include "stillwatch.kafka.caSecret" .root }}
    defaultMode: 0440
    items:
      - {key: {{ .root.Values.kafka.tls.caKey | quote }}, path: ca.crt}
{{- end }}
{{- end }}
