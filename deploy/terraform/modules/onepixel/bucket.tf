# The bucket: events/ is the archive, dead-letter/ what could not be taken, athena/ the answers of queries.

resource "aws_s3_bucket" "archive" {
  #checkov:skip=CKV_AWS_18:access logs would cost more than the archive; reads are seen by CloudTrail data events where they matter
  #checkov:skip=CKV_AWS_144:one Region is what the module promises; replication is a decision of its own, with its price
  #checkov:skip=CKV2_AWS_62:nothing follows new objects; Athena finds them by partition projection
  bucket        = local.bucket
  force_destroy = !var.protect
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket                  = aws_s3_bucket.archive.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    bucket_key_enabled = var.kms_key_arn != null
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

# A retried batch writes the same object again, and redrive deletes what it brought home: a month to notice a mistake.
resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  #checkov:skip=CKV_AWS_300:unfinished-uploads does it; the check overlooks rules that stand beside a dynamic one
  bucket     = aws_s3_bucket.archive.id
  depends_on = [aws_s3_bucket_versioning.archive]

  rule {
    id     = "replaced-and-deleted"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "answers-of-queries"
    status = "Enabled"
    filter {
      prefix = "athena/"
    }
    expiration {
      days = 7
    }
  }

  dynamic "rule" {
    for_each = var.archive.cold_days == null && var.archive.expire_days == null ? [] : [1]
    content {
      id     = "events"
      status = "Enabled"
      filter {
        prefix = "events/"
      }
      dynamic "transition" {
        for_each = var.archive.cold_days[*]
        content {
          days          = transition.value
          storage_class = "INTELLIGENT_TIERING"
        }
      }
      dynamic "expiration" {
        for_each = var.archive.expire_days[*]
        content {
          days = expiration.value
        }
      }
    }
  }
}

resource "aws_s3_bucket_policy" "archive" {
  bucket     = aws_s3_bucket.archive.id
  depends_on = [aws_s3_bucket_public_access_block.archive]
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      # A refusal for everybody and everything: the one place where stars narrow.
      Action    = "s3:*"
      Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
