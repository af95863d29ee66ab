# What each function may do, and nothing else. `cargo xtask terraform` compares the actions with those that the code calls.

locals {
  salt_only = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["SALT"] } }

  # The salt of the day, by which addresses become visitors. Nobody else's items can be reached with it.
  may_salt = {
    Sid       = "Salt"
    Effect    = "Allow"
    Action    = ["dynamodb:GetItem", "dynamodb:PutItem"]
    Resource  = [local.table_arn]
    Condition = local.salt_only
  }

  may_put = {
    Sid      = "Put"
    Effect   = "Allow"
    Action   = ["kinesis:PutRecords"]
    Resource = [local.stream_arn]
  }

  grants = {
    ingest = [
      local.may_put,
      local.may_salt,
      {
        Sid      = "KeepForRedrive"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket_arn}/dead-letter/ingest/*"]
      },
    ]
    archive = [
      local.may_salt,
      {
        Sid      = "Archive"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket_arn}/events/*", "${local.bucket_arn}/dead-letter/archive/*"]
      },
    ]
    live = [
      local.may_salt,
      {
        Sid       = "Count"
        Effect    = "Allow"
        Action    = ["dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource  = [local.table_arn]
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["E#*", "C#*", "T#*", "R#*"] } }
      },
      {
        Sid      = "DeadLetter"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket_arn}/dead-letter/live/*"]
      },
    ]
    firehose = [
      local.may_salt,
      {
        Sid      = "Archive" # What does not fit into an answer to Firehose.
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket_arn}/events/*", "${local.bucket_arn}/dead-letter/firehose/*"]
      },
    ]
    redrive = [
      local.may_put,
      {
        Sid       = "List"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [local.bucket_arn]
        Condition = { StringLike = { "s3:prefix" = ["dead-letter/ingest", "dead-letter/ingest/*"] } }
      },
      {
        Sid      = "BringHome"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject"]
        Resource = ["${local.bucket_arn}/dead-letter/ingest/*"]
      },
    ]
    dashboard = [
      {
        Sid       = "Read"
        Effect    = "Allow"
        Action    = ["dynamodb:GetItem", "dynamodb:Query"]
        Resource  = [local.table_arn]
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["C#*", "T#*", "R#*", "ACCESS"] } }
      },
      {
        Sid       = "Access"
        Effect    = "Allow"
        Action    = ["dynamodb:PutItem"]
        Resource  = [local.table_arn]
        Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["ACCESS"] } }
      },
    ]
  }

  # What Lambda does in the function's name, and no code of ours: logs, and reading the stream for the mappings.
  logs_of = {
    for name in local.enabled : name => {
      Sid      = "Logs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.functions[name].arn}:*"]
    }
  }
  source_of = {
    for name in keys(local.readers) : name => [
      {
        Sid    = "ReadStream"
        Effect = "Allow"
        Action = [
          "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords",
          "kinesis:GetShardIterator", "kinesis:ListShards",
        ]
        Resource = [local.stream_arn]
      },
      {
        Sid      = "GiveUp"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [aws_sqs_queue.failed[name].arn]
      },
    ]
  }
  # Only where a key of one's own is set: its use is then a permission of its own.
  key_for = [
    for arn in var.kms_key_arn[*] : {
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [arn]
    }
  ]
}

resource "aws_iam_role" "functions" {
  for_each           = local.enabled
  name               = "${var.name}-${each.key}"
  assume_role_policy = local.assumed_by["lambda"]
  tags               = local.tags
}

resource "aws_iam_role_policy" "functions" {
  for_each = local.enabled
  name     = "what-it-does"
  role     = aws_iam_role.functions[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    # Statements differ in their conditions, so they are joined as text.
    Statement = [
      for statement in concat(
        [for granted in local.grants[each.key] : jsonencode(granted)],
        [for granted in try(local.source_of[each.key], []) : jsonencode(granted)],
        [for granted in local.key_for : jsonencode(granted)],
        [jsonencode(local.logs_of[each.key])],
      ) : jsondecode(statement)
    ]
  })
}

locals {
  assumed_by = {
    for service in ["lambda", "apigateway", "firehose"] : service => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Principal = { Service = "${service}.amazonaws.com" }
        Action    = "sts:AssumeRole"
      }]
    })
  }
}
