# The archive for Athena: a table whose partitions follow from their names, so that nothing has to be crawled or added. The same
# table and the same views as `onepixel ddl athena` prints; the views are saved queries, to be run once.
# The columns are the event's fields, checked against crates/event by `cargo xtask terraform`.

locals {
  texts = [
    "id", "received_at", "sent_at", "source", "event", "site", "page_url", "page_host", "page_path", "title", "referrer_url",
    "referrer_host", "referrer_group", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "user_agent",
    "browser", "browser_version", "os", "os_version", "device", "class", "language", "country", "ip", "visitor",
  ]
  lists = ["class_reasons", "flags"]
  # JSON as text: ask with json_extract_scalar(props, '$.plan').
  objects = ["props"]
  times   = ["received_at", "sent_at"]

  views = {
    events        = { by = "", about = "Each id once, whenever it came. Looks for it in the whole archive, whatever is asked for." }
    events_by_day = { by = "year, month, day, ", about = "Each id once a day (UTC), for large archives: reads only the days that are asked for." }
  }
}

resource "aws_glue_catalog_database" "events" {
  name        = replace(var.name, "-", "_")
  description = "onepixel"
  tags        = local.tags
}

resource "aws_glue_catalog_table" "events" {
  name          = "events_stored"
  database_name = aws_glue_catalog_database.events.name
  description   = "What lies in the archive. Deliveries may repeat: count(DISTINCT id), or ask the view events."
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    EXTERNAL             = "TRUE"
    classification       = "json"
    compressionType      = "gzip"
    "projection.enabled" = "true"
    # Only as far as there can be events, or a question without a year would look into a hundred.
    "projection.year.type"      = "integer"
    "projection.year.range"     = "${var.archive.first_year},${var.archive.first_year + 9}"
    "projection.year.digits"    = "4"
    "projection.month.type"     = "integer"
    "projection.month.range"    = "1,12"
    "projection.month.digits"   = "2"
    "projection.day.type"       = "integer"
    "projection.day.range"      = "1,31"
    "projection.day.digits"     = "2"
    "projection.hour.type"      = "integer"
    "projection.hour.range"     = "0,23"
    "projection.hour.digits"    = "2"
    "storage.location.template" = "s3://${local.bucket}/events/year=$${year}/month=$${month}/day=$${day}/hour=$${hour}/"
  }

  dynamic "partition_keys" {
    for_each = ["year", "month", "day", "hour"]
    content {
      name = partition_keys.value
      type = "int"
    }
  }

  storage_descriptor {
    location      = "s3://${aws_s3_bucket.archive.id}/events/"
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
    ser_de_info {
      serialization_library = "org.openx.data.jsonserde.JsonSerDe"
      parameters = {
        "ignore.malformed.json" = "false"
        "case.insensitive"      = "false" # Or the keys in props became lower case.
      }
    }
    dynamic "columns" {
      for_each = concat(
        [for name in concat(local.texts, local.objects) : { name = name, type = "string" }],
        [for name in local.lists : { name = name, type = "array<string>" }],
      )
      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

resource "aws_athena_workgroup" "events" {
  name          = var.name
  description   = "Questions to the archive of onepixel"
  force_destroy = !var.protect
  tags          = local.tags
  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = 1099511627776 # 1 TiB, about 5 USD.
    result_configuration {
      output_location = "s3://${aws_s3_bucket.archive.id}/athena/"
      encryption_configuration {
        encryption_option = var.kms_key_arn == null ? "SSE_S3" : "SSE_KMS"
        kms_key_arn       = var.kms_key_arn
      }
    }
  }
}

resource "aws_athena_named_query" "views" {
  name        = "${var.name}: page views by page"
  workgroup   = aws_athena_workgroup.events.id
  database    = aws_glue_catalog_database.events.name
  description = "Page views of people in one day; each event once, however often it was delivered."
  query       = local.first_question
}

# Each event once: run it once, then ask `events`.
resource "aws_athena_named_query" "view" {
  for_each    = local.views
  name        = "${var.name}: the view ${each.key}"
  workgroup   = aws_athena_workgroup.events.id
  database    = aws_glue_catalog_database.events.name
  description = each.value.about
  query       = <<-SQL
    CREATE OR REPLACE VIEW ${aws_glue_catalog_database.events.name}.${each.key} AS
    SELECT ${join(", ", [for name in concat(local.texts, local.lists, local.objects) : contains(local.times, name) ? "CAST(from_iso8601_timestamp(${name}) AS timestamp) AS ${name}" : name])}, year, month, day, hour
    FROM (
      SELECT *, row_number() OVER (PARTITION BY ${each.value.by}id ORDER BY received_at, "$path") AS occurrence
      FROM ${aws_glue_catalog_database.events.name}.${aws_glue_catalog_table.events.name}
    )
    WHERE occurrence = 1
  SQL
}

locals {
  first_question = <<-SQL
    SELECT page_path, count(DISTINCT id) AS views
    FROM ${aws_glue_catalog_database.events.name}.${aws_glue_catalog_table.events.name}
    WHERE year = 2026 AND month = 2 AND day = 10 AND event = 'pageview' AND class = 'human'
    GROUP BY page_path ORDER BY views DESC LIMIT 20
  SQL
}
