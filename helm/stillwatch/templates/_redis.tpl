{{/* The environment that says how Redis is spoken to: (dict "root" $ "user" "worker"). */}}
{{- define "stillwatch.redis.env" -}}
{{- $redis := .root.Values.redis -}}
{{- $user := index $redis.users .user -}}
- name: REDIS_URL
{{- if $user.urlKey }}
{{- if not $user.existingSecret }}
{{- fail (printf "redis.users.%s.urlKey is set and redis.users.%s.existingSecret is not: name the Secret that holds it." .user .user) }}
{{- end }}
  valueFrom:
    secretKeyRef: {name: {{ $user.existingSecret }}, key: {{ $user.urlKey | quote }}}
{{- else }}
{{- if not $redis.url }}
{{- fail "redis.url is not set: redis://HOST:6379/0, or rediss:// for TLS, without a user and a password." }}
{{- end }}
  value: {{ regexReplaceAll "^(rediss?://)" $redis.url (ternary (printf "${1}%s@" $user.username) "${1}" (ne $user.username "")) | quote }}
{{- if $user.existingSecret }}
- name: REDIS_PASSWORD_FILE
  value: /etc/stillwatch/redis/password
{{- end }}
{{- end }}
{{- if $redis.tls.caSecret }}
- name: REDIS_SSL_CAFILE
  value: /etc/stillwatch/redis-ca/ca.crt
{{- end }}
{{- if or $user.urlKey (hasPrefix "rediss:" $redis.url) }}
- name: REDIS_SSL_CHECK_HOSTNAME
  value: {{ $redis.tls.checkHostname | quote }}
{{- end }}
{{- end }}

{{- define "stillwatch.redis.volumes" -}}
{{- $redis := .root.Values.redis -}}
{{- $user := index $redis.users .user -}}
{{- if and $user.existingSecret (not $user.urlKey) }}
- name: redis
  secret:
    secretName: {{ $user.existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ $user.passwordKey | quote }}, path: password}
{{- end }}
{{- if $redis.tls.caSecret }}
- name: redis-ca
  secret:
    secretName: {{ $redis.tls.caSecret }}
    defaultMode: 0440
    items:
      - {key: {{ $redis.tls.caKey | quote }}, path: ca.crt}
{{- end }}
{{- end }}
