# The functions: one small binary each, in a zip of its own. What each may do stands in grants.tf.

locals {
  # Sizes that carry some thousand events a second; var.functions changes single ones.
  sizes = {
    ingest    = { memory = 256, timeout = 10 }
    archive   = { memory = 1024, timeout = 120 }
    live      = { memory = 512, timeout = 60 }
    firehose  = { memory = 512, timeout = 120 }
    redrive   = { memory = 256, timeout = 240 }
    dashboard = { memory = 512, timeout = 29 }
  }

  enabled = toset(concat(
    ["ingest", "live", "redrive"],
    local.by_consumer ? ["archive"] : ["firehose"],
    var.dashboard.enabled ? ["dashboard"] : [],
  ))

  privacy = {
    ONEPIXEL_PRIVACY_IP  = var.privacy.ip
    ONEPIXEL_PRIVACY_GPC = var.privacy.gpc
  }
  environments = {
    ingest = merge(local.privacy, {
      ONEPIXEL_ACK         = var.acknowledge
      ONEPIXEL_PIXEL_PATH  = "/${var.pixel.path}"
      ONEPIXEL_SCRIPT_PATH = "/${var.pixel.script}"
      ONEPIXEL_STREAM      = local.stream
      ONEPIXEL_TABLE       = local.table
      ONEPIXEL_BUCKET      = "s3://${local.bucket}"
    })
    archive = merge(local.privacy, {
      ONEPIXEL_BUCKET = "s3://${local.bucket}"
      ONEPIXEL_TABLE  = local.table
    })
    live = merge(local.privacy, {
      ONEPIXEL_BUCKET = "s3://${local.bucket}"
      ONEPIXEL_TABLE  = local.table
      ONEPIXEL_TTL    = "${var.live.days}d"
    })
    firehose = merge(local.privacy, {
      ONEPIXEL_BUCKET = "s3://${local.bucket}"
      ONEPIXEL_TABLE  = local.table
    })
    redrive = {
      ONEPIXEL_STREAM = local.stream
      ONEPIXEL_BUCKET = "s3://${local.bucket}"
    }
    dashboard = {
      ONEPIXEL_TABLE      = local.table
      ONEPIXEL_TTL        = "${var.live.days}d"
      ONEPIXEL_SIGN_IN    = var.sign_in
      ONEPIXEL_PIXEL_URL  = local.pixel_url
      ONEPIXEL_EVENTS_URL = local.events_url
      ONEPIXEL_SCRIPT_URL = local.script_url
    }
  }
}

resource "aws_lambda_function" "functions" {
  #checkov:skip=CKV_AWS_50:tracing every pixel would cost more than answering it; CloudWatch's own metrics are watched
  #checkov:skip=CKV_AWS_115:a limit would refuse hits that API Gateway let in; var.functions sets one where an account is shared
  #checkov:skip=CKV_AWS_116:none of them is invoked asynchronously but redrive, which starts again in five minutes; the sources have queues of their own
  #checkov:skip=CKV_AWS_117:they talk to AWS only, over TLS; a VPC would add a NAT gateway and cold starts, and protect nothing
  #checkov:skip=CKV_AWS_173:kms_key_arn sets a key of your own; without one, Lambda's own encrypts
  #checkov:skip=CKV_AWS_272:the zips are built from this source by who deploys; a signing profile would sign whatever that person built
  for_each = local.enabled

  function_name    = "${var.name}-${each.key}"
  description      = "onepixel: ${each.key}"
  role             = aws_iam_role.functions[each.key].arn
  filename         = local.zip[each.key]
  source_code_hash = fileexists(local.zip[each.key]) ? filebase64sha256(local.zip[each.key]) : null
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  kms_key_arn      = var.kms_key_arn
  tags             = local.tags

  memory_size                    = coalesce(try(var.functions[each.key].memory, null), local.sizes[each.key].memory)
  timeout                        = coalesce(try(var.functions[each.key].timeout, null), local.sizes[each.key].timeout)
  reserved_concurrent_executions = coalesce(try(var.functions[each.key].concurrency, null), -1)

  environment {
    variables = local.environments[each.key]
  }
  logging_config {
    log_format       = "JSON"
    log_group        = aws_cloudwatch_log_group.functions[each.key].name
    system_log_level = "WARN" # START, END and REPORT of each invocation would cost as much as the invocation.
  }

  lifecycle {
    precondition {
      condition     = fileexists(local.zip[each.key])
      error_message = "There is no ${local.zip[each.key]}. Build the zips with: cargo xtask lambda --arch ${var.architecture}"
    }
  }
  depends_on = [aws_iam_role_policy.functions]
}

locals {
  zip = { for name in keys(local.sizes) : name => "${var.zips}/onepixel-${name}.zip" }
}

resource "aws_cloudwatch_log_group" "functions" {
  #checkov:skip=CKV_AWS_158:kms_key_arn sets a key of your own; without one, CloudWatch's own encrypts
  #checkov:skip=CKV_AWS_338:what is in them serves operation, not audit; logs.days keeps them longer
  for_each          = local.enabled
  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.logs.days
  kms_key_id        = var.kms_key_arn
  tags              = local.tags
}

# What the ingest function could not bring into Kinesis in time waits in the bucket; this brings it home.
resource "aws_cloudwatch_event_rule" "redrive" {
  name                = "${var.name}-redrive"
  description         = "Puts events that waited in the bucket into the stream."
  schedule_expression = "rate(5 minutes)"
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "redrive" {
  rule = aws_cloudwatch_event_rule.redrive.name
  arn  = aws_lambda_function.functions["redrive"].arn
}

resource "aws_lambda_permission" "redrive" {
  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.functions["redrive"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.redrive.arn
}

# One that failed is not tried again at once: the next one comes soon.
resource "aws_lambda_function_event_invoke_config" "redrive" {
  function_name                = aws_lambda_function.functions["redrive"].function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 300
}
