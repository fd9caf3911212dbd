"""Reads the daemon's pages with programs of another make and prints what they say, as JSON.

    read_pages.py http://127.0.0.1:9820

`health` is the parsed /healthz with its HTTP code; `metrics` maps each sample of /metrics, as
prometheus_client's OpenMetrics parser (which is strict) reads it, to its value: `name{label=value,…}`.
"""

import json
import sys
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

# No proxy stands between this machine and itself.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url):
    try:
        with OPENER.open(url, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


base = sys.argv[1]
code, kind, text = get(base + "/healthz")
health = {"code": code, "type": kind, **json.loads(text)}
code, kind, text = get(base + "/metrics")
metrics, units = {}, {}
if code == 200:
    for family in text_string_to_metric_families(text):
        units[family.name] = [family.type, family.unit]
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            metrics[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
print(json.dumps({
    "health": health,
    "metrics_code": code,
    "metrics_type": kind,
    "metrics_text": text,
    "metrics": metrics,
    "families": units,
    "elsewhere": get(base + "/other")[0],
}, ensure_ascii=False))
