# The dashboards, as data: `ops/grafana/make` writes each into a file of its own. A panel is {title, unit, type, queries},
# a query {expr, legend}; places follow from the order, two graphs a row and four figures a row.

def query(expr; legend): {expr: expr, legend: legend};
def graph(title; unit; queries): {title: title, unit: unit, type: "timeseries", width: 12, height: 8, queries: queries};
def figure(title; unit; expr): {title: title, unit: unit, type: "stat", width: 6, height: 4, queries: [query(expr; "")]};

# quantiles(METRIC; SELECTOR): the usual three of a histogram.
def quantiles(metric; selector): [(["p50", 0.5], ["p95", 0.95], ["p99", 0.99]) as [$name, $quantile]
  | query("histogram_quantile(\($quantile), sum by (le) (rate(\(metric)_bucket\(selector)[$__rate_interval])))"; $name)];

def overview: {uid: "emboflow-overview", title: "EmboFlow: overview", panels: [
  figure("Services that answer"; "none"; "sum(up{job=~\"api|scheduler|storage-gw|executor|trigger\"})"),
  figure("Executors online"; "none"; "sum(emboflow_executor_up)"),
  figure("Open runs"; "none"; "sum(emboflow_runs_open)"),
  figure("Tasks that wait"; "none"; "sum(emboflow_tasks_queued)"),
  graph("Runs that ended, a second"; "ops"; [query("sum by (result) (rate(emboflow_runs_total[$__rate_interval]))"; "{{result}}")]),
  graph("Why tasks wait"; "none"; [query("sum by (reason) (emboflow_tasks_waiting)"; "{{reason}}")]),
  graph("Checks that fail"; "none"; [query("count by (job, check) (emboflow_health_check_ok == 0) or vector(0)"; "{{job}} {{check}}")]),
  graph("Free space by use"; "percentunit"; [query("min by (use) (emboflow_disk_free_bytes / emboflow_disk_total_bytes)"; "{{use}}")]),
  graph("Certificates: time left"; "s"; [query("min by (certificate) (emboflow_certificate_expiry_seconds) or vector(0)"; "{{certificate}}")]),
  graph("Versions"; "none"; [query("count by (service, version) (emboflow_build_info)"; "{{service}} {{version}}")])
]};

def runs: {uid: "emboflow-runs", title: "EmboFlow: runs", panels: [
  figure("Runs that ended well, last hour"; "percentunit"; "sum(increase(emboflow_runs_total{result=\"succeeded\"}[1h])) / sum(increase(emboflow_runs_total{result=~\"succeeded|failed|timed_out\"}[1h]))"),
  figure("p95 wait for an executor"; "s"; "emboflow:task_queue_wait_seconds:p95_5m"),
  figure("p95 dispatch"; "s"; "emboflow:dispatch_latency_seconds:p95_5m"),
  figure("Open runs"; "none"; "sum(emboflow_runs_open)"),
  graph("Runs by project and result, a second"; "ops"; [query("sum by (project, result) (rate(emboflow_runs_total[$__rate_interval]))"; "{{project}} {{result}}")]),
  graph("Runs by workflow, a second"; "ops"; [query("topk(10, sum by (workflow) (rate(emboflow_runs_total[$__rate_interval])))"; "{{workflow}}")]),
  graph("Duration of runs"; "s"; quantiles("emboflow_run_duration_seconds"; "")),
  graph("Duration of tasks"; "s"; quantiles("emboflow_task_duration_seconds"; "")),
  graph("Wait for an executor"; "s"; quantiles("emboflow_task_queue_wait_seconds"; "")),
  graph("From placement to the beginning"; "s"; quantiles("emboflow_dispatch_latency_seconds"; "")),
  graph("Tasks that ended, a second"; "ops"; [query("sum by (result, reason) (rate(emboflow_tasks_total[$__rate_interval]))"; "{{result}} {{reason}}")]),
  graph("Attempts that ended, a second"; "ops"; [query("sum by (outcome, reason) (rate(emboflow_attempts_total[$__rate_interval]))"; "{{outcome}} {{reason}}")]),
  graph("Decisions and commits of the scheduler"; "s"; [
    query("histogram_quantile(0.99, sum by (le) (rate(emboflow_scheduler_decision_seconds_bucket[$__rate_interval])))"; "decision p99"),
    query("histogram_quantile(0.99, sum by (le) (rate(emboflow_scheduler_commit_seconds_bucket[$__rate_interval])))"; "commit p99")])
]};

def executors: {uid: "emboflow-executors", title: "EmboFlow: executors", panels: [
  figure("Online"; "none"; "sum(emboflow_executor_up)"),
  figure("Silent"; "none"; "count(emboflow_executor_up == 0) or vector(0)"),
  figure("Slots in use"; "percentunit"; "sum(emboflow_executor_slots{state=\"used\"}) / sum(emboflow_executor_slots{state=\"all\"})"),
  figure("Least free disk"; "bytes"; "min(emboflow_executor_disk_free_bytes)"),
  graph("Slots"; "none"; [query("sum by (instance, state) (emboflow_executor_slots)"; "{{instance}} {{state}}")]),
  graph("Age of the last heartbeat"; "s"; [query("max by (executor) (emboflow_executor_heartbeat_age_seconds)"; "{{executor}}")]),
  graph("Free disk"; "bytes"; [query("emboflow_executor_disk_free_bytes"; "{{instance}}")]),
  graph("What running tasks keep on disk"; "bytes"; [query("emboflow_executor_workspace_bytes"; "{{instance}}")]),
  graph("Attempts that ended, a second"; "ops"; [query("sum by (instance, result) (rate(emboflow_executor_attempts_total[$__rate_interval]))"; "{{instance}} {{result}}")]),
  graph("Until the image is there"; "s"; quantiles("emboflow_image_pull_seconds"; "")),
  graph("Lines of log, a second"; "ops"; [query("sum by (instance) (rate(emboflow_log_lines_total[$__rate_interval]))"; "{{instance}}")]),
  graph("Until a piece of log is stored"; "s"; quantiles("emboflow_log_lag_seconds"; ""))
]};

def storage: {uid: "emboflow-storage", title: "EmboFlow: storage and records", panels: [
  figure("Storage works"; "none"; "min(emboflow_storage_up)"),
  figure("Taken in, a second"; "Bps"; "sum(rate(emboflow_storage_bytes_total{direction=\"in\"}[5m]))"),
  figure("Given out, a second"; "Bps"; "sum(rate(emboflow_storage_bytes_total{direction=\"out\"}[5m])) or vector(0)"),
  figure("Free space of objects"; "bytes"; "min(emboflow_disk_free_bytes{use=\"objects\"}) or vector(0)"),
  graph("Operations, a second"; "ops"; [query("sum by (op, result) (rate(emboflow_storage_op_seconds_count[$__rate_interval]))"; "{{op}} {{result}}")]),
  graph("p95 of operations"; "s"; [query("emboflow:storage_op_seconds:p95_5m"; "{{op}}")]),
  graph("Bytes, a second"; "Bps"; [query("sum by (direction) (rate(emboflow_storage_bytes_total[$__rate_interval]))"; "{{direction}}")]),
  graph("Free space by use"; "bytes"; [query("min by (use) (emboflow_disk_free_bytes)"; "{{use}}")]),
  graph("Operations of the records, a second"; "ops"; [query("sum by (op) (rate(emboflow_records_op_seconds_count[$__rate_interval]))"; "{{op}}")]),
  graph("p99 of operations of the records"; "s"; [query("histogram_quantile(0.99, sum by (le, op) (rate(emboflow_records_op_seconds_bucket[$__rate_interval])))"; "{{op}}")])
]};

def nats: {uid: "emboflow-nats", title: "EmboFlow: NATS", panels: [
  figure("Services that answer over NATS"; "none"; "sum(emboflow_service_answers)"),
  figure("Messages that wait"; "none"; "sum(emboflow_nats_consumer_pending)"),
  figure("Dead letters, last day"; "none"; "sum(increase(emboflow_dead_letters_total[1d])) or vector(0)"),
  figure("Reconnects, last hour"; "none"; "sum(increase(emboflow_nats_reconnects_total[1h]))"),
  graph("Published, a second"; "ops"; [query("sum by (kind, result) (rate(emboflow_nats_publishes_total[$__rate_interval]))"; "{{kind}} {{result}}")]),
  graph("Messages that wait for a consumer"; "none"; [query("max by (stream, consumer) (emboflow_nats_consumer_pending)"; "{{stream}} {{consumer}}")]),
  graph("Messages that are not settled"; "none"; [query("max by (stream, consumer) (emboflow_nats_consumer_ack_pending)"; "{{stream}} {{consumer}}")]),
  graph("How full streams are"; "percentunit"; [query("max by (stream) (emboflow_nats_stream_bytes) / max by (stream) (emboflow_nats_stream_max_bytes)"; "{{stream}}")]),
  graph("Messages in streams"; "none"; [query("max by (stream) (emboflow_nats_stream_messages)"; "{{stream}}")]),
  graph("Delivered again, stalled, dropped"; "ops"; [
    query("sum(rate(emboflow_nats_redeliveries_total[$__rate_interval])) or vector(0)"; "again"),
    query("sum(rate(emboflow_nats_consumer_stalls_total[$__rate_interval])) or vector(0)"; "stalled"),
    query("sum(rate(emboflow_nats_slow_consumer_total[$__rate_interval]))"; "dropped")])
]};

def api: {uid: "emboflow-api", title: "EmboFlow: API", panels: [
  figure("Requests, a second"; "reqps"; "sum(rate(emboflow_http_request_duration_seconds_count[5m]))"),
  figure("Errors of the server"; "percentunit"; "sum(rate(emboflow_http_request_duration_seconds_count{code=~\"5..\"}[5m])) / sum(rate(emboflow_http_request_duration_seconds_count[5m])) or vector(0)"),
  figure("p95 of answers"; "s"; "emboflow:http_request_duration_seconds:p95_5m"),
  figure("Open event streams"; "none"; "sum(emboflow_sse_clients)"),
  graph("Requests by route, a second"; "reqps"; [query("sum by (route, method) (rate(emboflow_http_request_duration_seconds_count[$__rate_interval]))"; "{{method}} {{route}}")]),
  graph("Answers by code, a second"; "reqps"; [query("sum by (code) (rate(emboflow_http_request_duration_seconds_count[$__rate_interval]))"; "{{code}}")]),
  graph("p95 by route"; "s"; [query("histogram_quantile(0.95, sum by (le, route) (rate(emboflow_http_request_duration_seconds_bucket[$__rate_interval])))"; "{{route}}")]),
  graph("Open event streams"; "none"; [query("sum by (instance) (emboflow_sse_clients)"; "{{instance}}")]),
  graph("Clocks: ahead of the API's"; "s"; [query("emboflow_clock_skew_seconds"; "{{service}} {{process}}")])
]};

def panel($id; $x; $y): {
  id: $id, title, type,
  gridPos: {x: $x, y: $y, w: .width, h: .height},
  datasource: {type: "prometheus", uid: "prometheus"},
  fieldConfig: {defaults: {unit, custom: (if .type == "timeseries" then {fillOpacity: 8, showPoints: "never"} else {} end)}, overrides: []},
  options: (if .type == "stat"
    then {reduceOptions: {calcs: ["lastNotNull"]}, colorMode: "none", graphMode: "area"}
    else {legend: {displayMode: "list", placement: "bottom"}, tooltip: {mode: "multi", sort: "desc"}} end),
  targets: [.queries | to_entries[] | {
    refId: ([65 + .key] | implode), expr: .value.expr, legendFormat: .value.legend,
    datasource: {type: "prometheus", uid: "prometheus"}
  }]
};

# Fills rows of 24 from the left, and begins another where one is full.
def placed: reduce .[] as $panel ({x: 0, y: 0, height: 0, panels: []};
    (if .x + $panel.width > 24 or (.height != 0 and .height != $panel.height)
      then .y += .height | .x = 0 else . end)
    | .height = $panel.height
    | .panels += [. as {$x, $y} | ($panel | panel(0; $x; $y))]
    | .x += $panel.width)
  | [.panels | to_entries[] | .value + {id: (.key + 1)}];

def dashboard: {
  uid, title, tags: ["emboflow"], schemaVersion: 39, version: 1, editable: false, graphTooltip: 1,
  time: {from: "now-6h", to: "now"}, refresh: "30s", timezone: "browser",
  annotations: {list: []}, templating: {list: []},
  links: [{type: "dashboards", tags: ["emboflow"], title: "EmboFlow", asDropdown: true, includeVars: false, keepTime: true}],
  panels: (.panels | placed)
};

{overview: overview, runs: runs, executors: executors, storage: storage, nats: nats, api: api} | map_values(dashboard)
