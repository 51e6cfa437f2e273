{{/* Each change makes the group share its partitions out anew, so: up in steps, down slowly and one by one. */}}
{{- define "stillwatch.scaling.behavior" -}}
scaleUp:
  stabilizationWindowSeconds: 60
  policies:
    - {type: Percent, value: 100, periodSeconds: 120}
    - {type: Pods, value: 2, periodSeconds: 120}
  selectPolicy: Max
scaleDown:
  stabilizationWindowSeconds: 900
  policies:
    - {type: Pods, value: 1, periodSeconds: 300}
{{- end }}
