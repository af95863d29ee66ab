locals {
  pixel_at   = var.domain == null ? aws_apigatewayv2_api.pixel.api_endpoint : "https://${var.domain.name}"
  pixel_url  = "${local.pixel_at}/${var.pixel.path}"
  script_url = "${local.pixel_at}/${var.pixel.script}"
  events_url = var.domain == null ? aws_api_gateway_stage.events.invoke_url : "https://${var.domain.name}/${var.events.path}"
  # The tracker looks for the events' path beside itself.
  beside = local.events_url == replace(local.script_url, "/[^/]+$/", "e")
  dashboard_url = !var.dashboard.enabled ? null : (
    contains(keys(local.names), "dashboard") ? "https://${local.names["dashboard"]}/" : "${aws_apigatewayv2_api.dashboard[0].api_endpoint}/"
  )
}

output "pixel_url" {
  description = "Where the pixel is."
  value       = local.pixel_url
}

output "events_url" {
  description = "Where events are posted to."
  value       = local.events_url
}

output "script_url" {
  description = "Where the tracker is."
  value       = local.script_url
}

output "snippet" {
  description = "What to paste into a page: the tracker, and the pixel where there is no JavaScript."
  value       = <<-HTML
    <script defer src="${local.script_url}" data-site="my-site"${local.beside ? "" : " data-events=\"${local.events_url}\""}></script>
    <noscript><img src="${local.pixel_url}?site=my-site" alt="" width="1" height="1" referrerpolicy="no-referrer-when-downgrade"></noscript>
  HTML
}

output "dashboard_url" {
  description = "Where the dashboard is."
  value       = local.dashboard_url
}

output "sign_in_url" {
  description = "Signs in once, until a password is set: `terraform output -raw sign_in_url`."
  value       = local.dashboard_url == null ? null : "${local.dashboard_url}?token=${var.sign_in}"
  sensitive   = true
}

output "bucket" {
  description = "The bucket with the archive and the dead letters."
  value       = aws_s3_bucket.archive.id
}

output "stream" {
  description = "The name of the stream, for the relay of a gateway elsewhere."
  value       = aws_kinesis_stream.events.name
}

output "stream_arn" {
  description = "The ARN of the stream: what may call kinesis:PutRecords on it can be a relay."
  value       = aws_kinesis_stream.events.arn
}

output "events_stage_arn" {
  description = "The stage of the REST API, for a firewall: aws_wafv2_web_acl_association takes it as resource_arn."
  value       = aws_api_gateway_stage.events.arn
}

output "table" {
  description = "The table of the live view."
  value       = aws_dynamodb_table.live.name
}

output "athena" {
  description = "Where to ask in Athena, and a first question."
  value = {
    workgroup = aws_athena_workgroup.events.name
    table     = "${aws_glue_catalog_database.events.name}.${aws_glue_catalog_table.events.name}"
    question  = local.first_question
  }
}

output "failed_queues" {
  description = "The queues that tell of batches that were given up."
  value       = { for name, queue in aws_sqs_queue.failed : name => queue.url }
}

output "board" {
  description = "The CloudWatch dashboard for whoever operates this."
  value       = aws_cloudwatch_dashboard.board.dashboard_name
}
