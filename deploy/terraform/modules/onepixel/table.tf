# The live view: counters, recent events, the salts of the days, who may look. crates/aws documents the items.

resource "aws_dynamodb_table" "live" {
  #checkov:skip=CKV_AWS_119:kms_key_arn sets a key of your own; without one, DynamoDB's own encrypts
  name                        = local.table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.protect
  tags                        = local.tags

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "sk"
    type = "S"
  }
  ttl {
    attribute_name = "expires"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}
