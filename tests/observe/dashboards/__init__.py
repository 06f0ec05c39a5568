"""The dashboards as code: `python -m tests.observe.dashboards` writes them to deploy/grafana/dashboards."""
