# Variables of the configuration that costmodel recommends. The values are in costmodel.auto.tfvars.json.
# Validations hold the limits AWS sets and the sense of each value.

terraform {
  required_version = ">= 1.9"
}

variable "region" {
  description = "AWS region that serves the shop."
  type        = string
  nullable    = false

  validation {
    condition     = try(contains(["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-1", "ap-northeast-1", "ap-south-1", "sa-east-1"], var.region), false)
    error_message = "The region must be one that costmodel has prices and limits of: us-east-1, us-west-2, eu-west-1, eu-central-1, ap-southeast-1, ap-northeast-1, ap-south-1, sa-east-1."
  }
}

variable "tags" {
  description = "Tags for every resource."
  type        = map(string)
  nullable    = false

  validation {
    condition     = try(length(var.tags) <= 50 && alltrue([for key, value in var.tags : length(key) >= 1 && length(key) <= 128 && length(value) <= 256 && alltrue([for text in [key, value] : !startswith(lower(text), "aws:") && can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$", text))])]), false)
    error_message = "There are at most 50 tags; a key has 1 to 128 characters and does not begin with aws:, a value has at most 256 characters and does not either; both are letters, digits, spaces and _ . : / = + @ - alone."
  }
}

variable "lambda" {
  description = "Function that answers API calls"
  type = object({
    memory_size                       = number
    timeout                           = number
    runtime                           = string
    architectures                     = list(string)
    provisioned_concurrent_executions = number
  })
  nullable = false

  validation {
    condition     = try(var.lambda.memory_size >= 128 && var.lambda.memory_size <= 10240 && floor(var.lambda.memory_size) == var.lambda.memory_size, false)
    error_message = "The value of lambda.memory_size must be a whole number from 128 to 10240."
  }

  validation {
    condition     = try(var.lambda.timeout >= 1 && var.lambda.timeout <= 900 && floor(var.lambda.timeout) == var.lambda.timeout, false)
    error_message = "The value of lambda.timeout must be a whole number from 1 to 900."
  }

  validation {
    condition     = try(contains(["dotnet8", "java21", "nodejs22.x", "provided.al2023", "python3.13", "ruby3.4"], var.lambda.runtime), false)
    error_message = "The value of lambda.runtime must be one of dotnet8, java21, nodejs22.x, provided.al2023, python3.13, ruby3.4."
  }

  validation {
    condition     = try(length(var.lambda.architectures) == 1 && alltrue([for name in var.lambda.architectures : contains(["x86_64", "arm64"], name)]), false)
    error_message = "The value of lambda.architectures must be a list of one of x86_64, arm64."
  }

  validation {
    condition     = try(var.lambda.provisioned_concurrent_executions >= -1 && var.lambda.provisioned_concurrent_executions <= 900 && floor(var.lambda.provisioned_concurrent_executions) == var.lambda.provisioned_concurrent_executions && (var.lambda.provisioned_concurrent_executions != 0), false)
    error_message = "The value of lambda.provisioned_concurrent_executions must be a whole number from -1 to 900, and must not be 0: -1 stands for none."
  }
}

variable "alb" {
  description = "Load balancer in front of the compute tier"
  type = object({
    load_balancer_type         = string
    internal                   = bool
    enable_deletion_protection = bool
    idle_timeout               = number
    drop_invalid_header_fields = bool
  })
  nullable = false

  validation {
    condition     = try(contains(["application"], var.alb.load_balancer_type), false)
    error_message = "The value of alb.load_balancer_type must be application."
  }

  validation {
    condition     = try(var.alb.internal != null, false)
    error_message = "The value of alb.internal must be given."
  }

  validation {
    condition     = try(var.alb.enable_deletion_protection != null, false)
    error_message = "The value of alb.enable_deletion_protection must be given."
  }

  validation {
    condition     = try(var.alb.idle_timeout >= 1 && var.alb.idle_timeout <= 4000 && floor(var.alb.idle_timeout) == var.alb.idle_timeout, false)
    error_message = "The value of alb.idle_timeout must be a whole number from 1 to 4000."
  }

  validation {
    condition     = try(var.alb.drop_invalid_header_fields != null, false)
    error_message = "The value of alb.drop_invalid_header_fields must be given."
  }
}

variable "dynamodb_table" {
  description = "Table: inputs of terraform-aws-modules/dynamodb-table. Its server_side_encryption_kms_key_arn is that of a key of var.kms."
  type = object({
    billing_mode                   = string
    read_capacity                  = number
    write_capacity                 = number
    autoscaling_enabled            = bool
    table_class                    = string
    point_in_time_recovery_enabled = bool
    server_side_encryption_enabled = bool
    deletion_protection_enabled    = bool
  })
  nullable = false

  validation {
    condition     = try(contains(["PAY_PER_REQUEST", "PROVISIONED"], var.dynamodb_table.billing_mode), false)
    error_message = "The value of dynamodb_table.billing_mode must be one of PAY_PER_REQUEST, PROVISIONED."
  }

  validation {
    condition     = try(var.dynamodb_table.read_capacity >= 1 && var.dynamodb_table.read_capacity <= 40000 && floor(var.dynamodb_table.read_capacity) == var.dynamodb_table.read_capacity, false)
    error_message = "The value of dynamodb_table.read_capacity must be a whole number from 1 to 40000."
  }

  validation {
    condition     = try(var.dynamodb_table.write_capacity >= 1 && var.dynamodb_table.write_capacity <= 40000 && floor(var.dynamodb_table.write_capacity) == var.dynamodb_table.write_capacity, false)
    error_message = "The value of dynamodb_table.write_capacity must be a whole number from 1 to 40000."
  }

  validation {
    condition     = try(var.dynamodb_table.autoscaling_enabled != null && (var.dynamodb_table.autoscaling_enabled == false || var.dynamodb_table.billing_mode == "PROVISIONED"), false)
    error_message = "The value of dynamodb_table.autoscaling_enabled must be given, and must be false unless dynamodb_table.billing_mode is PROVISIONED."
  }

  validation {
    condition     = try(contains(["STANDARD", "STANDARD_INFREQUENT_ACCESS"], var.dynamodb_table.table_class), false)
    error_message = "The value of dynamodb_table.table_class must be one of STANDARD, STANDARD_INFREQUENT_ACCESS."
  }

  validation {
    condition     = try(var.dynamodb_table.point_in_time_recovery_enabled != null, false)
    error_message = "The value of dynamodb_table.point_in_time_recovery_enabled must be given."
  }

  validation {
    condition     = try(var.dynamodb_table.server_side_encryption_enabled != null, false)
    error_message = "The value of dynamodb_table.server_side_encryption_enabled must be given."
  }

  validation {
    condition     = try(var.dynamodb_table.deletion_protection_enabled != null, false)
    error_message = "The value of dynamodb_table.deletion_protection_enabled must be given."
  }
}

variable "dynamodb_table_autoscaling_read" {
  description = "autoscaling_read of terraform-aws-modules/dynamodb-table."
  type = object({
    max_capacity = number
    target_value = number
  })
  nullable = false

  validation {
    condition     = try(var.dynamodb_table_autoscaling_read.max_capacity >= 1 && var.dynamodb_table_autoscaling_read.max_capacity <= 40000 && floor(var.dynamodb_table_autoscaling_read.max_capacity) == var.dynamodb_table_autoscaling_read.max_capacity && var.dynamodb_table_autoscaling_read.max_capacity >= var.dynamodb_table.read_capacity, false)
    error_message = "The value of dynamodb_table_autoscaling_read.max_capacity must be a whole number from 1 to 40000, at least dynamodb_table.read_capacity."
  }

  validation {
    condition     = try(var.dynamodb_table_autoscaling_read.target_value >= 20 && var.dynamodb_table_autoscaling_read.target_value <= 90 && floor(var.dynamodb_table_autoscaling_read.target_value) == var.dynamodb_table_autoscaling_read.target_value, false)
    error_message = "The value of dynamodb_table_autoscaling_read.target_value must be a whole number from 20 to 90."
  }
}

variable "dynamodb_table_autoscaling_write" {
  description = "autoscaling_write of terraform-aws-modules/dynamodb-table."
  type = object({
    max_capacity = number
    target_value = number
  })
  nullable = false

  validation {
    condition     = try(var.dynamodb_table_autoscaling_write.max_capacity >= 1 && var.dynamodb_table_autoscaling_write.max_capacity <= 40000 && floor(var.dynamodb_table_autoscaling_write.max_capacity) == var.dynamodb_table_autoscaling_write.max_capacity && var.dynamodb_table_autoscaling_write.max_capacity >= var.dynamodb_table.write_capacity, false)
    error_message = "The value of dynamodb_table_autoscaling_write.max_capacity must be a whole number from 1 to 40000, at least dynamodb_table.write_capacity."
  }

  validation {
    condition     = try(var.dynamodb_table_autoscaling_write.target_value >= 20 && var.dynamodb_table_autoscaling_write.target_value <= 90 && floor(var.dynamodb_table_autoscaling_write.target_value) == var.dynamodb_table_autoscaling_write.target_value, false)
    error_message = "The value of dynamodb_table_autoscaling_write.target_value must be a whole number from 20 to 90."
  }
}

variable "dynamodb_table_autoscaling_index" {
  description = "One entry of autoscaling_indexes of terraform-aws-modules/dynamodb-table, the same for every index."
  type = object({
    read_min_capacity  = number
    read_max_capacity  = number
    write_min_capacity = number
    write_max_capacity = number
  })
  nullable = false

  validation {
    condition     = try(var.dynamodb_table_autoscaling_index.read_min_capacity >= 1 && var.dynamodb_table_autoscaling_index.read_min_capacity <= 40000 && floor(var.dynamodb_table_autoscaling_index.read_min_capacity) == var.dynamodb_table_autoscaling_index.read_min_capacity, false)
    error_message = "The value of dynamodb_table_autoscaling_index.read_min_capacity must be a whole number from 1 to 40000."
  }

  validation {
    condition     = try(var.dynamodb_table_autoscaling_index.read_max_capacity >= 1 && var.dynamodb_table_autoscaling_index.read_max_capacity <= 40000 && floor(var.dynamodb_table_autoscaling_index.read_max_capacity) == var.dynamodb_table_autoscaling_index.read_max_capacity && var.dynamodb_table_autoscaling_index.read_max_capacity >= var.dynamodb_table_autoscaling_index.read_min_capacity, false)
    error_message = "The value of dynamodb_table_autoscaling_index.read_max_capacity must be a whole number from 1 to 40000, at least dynamodb_table_autoscaling_index.read_min_capacity."
  }

  validation {
    condition     = try(var.dynamodb_table_autoscaling_index.write_min_capacity >= 1 && var.dynamodb_table_autoscaling_index.write_min_capacity <= 40000 && floor(var.dynamodb_table_autoscaling_index.write_min_capacity) == var.dynamodb_table_autoscaling_index.write_min_capacity, false)
    error_message = "The value of dynamodb_table_autoscaling_index.write_min_capacity must be a whole number from 1 to 40000."
  }

  validation {
    condition     = try(var.dynamodb_table_autoscaling_index.write_max_capacity >= 1 && var.dynamodb_table_autoscaling_index.write_max_capacity <= 40000 && floor(var.dynamodb_table_autoscaling_index.write_max_capacity) == var.dynamodb_table_autoscaling_index.write_max_capacity && var.dynamodb_table_autoscaling_index.write_max_capacity >= var.dynamodb_table_autoscaling_index.write_min_capacity, false)
    error_message = "The value of dynamodb_table_autoscaling_index.write_max_capacity must be a whole number from 1 to 40000, at least dynamodb_table_autoscaling_index.write_min_capacity."
  }
}

variable "cloudfront" {
  description = "Distribution. A flat-rate plan is subscribed to outside this module; no overage charge, performance may be reduced beyond the allowance."
  type = object({
    price_class           = string
    origin_shield_enabled = bool
    origin_shield_region  = string
    default_ttl           = number
    http_version          = string
    compress              = bool
    flat_rate_plan        = string
  })
  nullable = false

  validation {
    condition     = try(contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.cloudfront.price_class) && (var.cloudfront.price_class == "PriceClass_All" || var.cloudfront.flat_rate_plan == "NONE"), false)
    error_message = "The value of cloudfront.price_class must be one of PriceClass_100, PriceClass_200, PriceClass_All, and must be PriceClass_All under a flat-rate plan."
  }

  validation {
    condition     = try(var.cloudfront.origin_shield_enabled != null && (var.cloudfront.origin_shield_enabled == false || var.cloudfront.flat_rate_plan == "NONE"), false)
    error_message = "The value of cloudfront.origin_shield_enabled must be given, and must be false under a flat-rate plan."
  }

  validation {
    condition     = try(contains(["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-1", "ap-northeast-1", "ap-south-1", "sa-east-1"], var.cloudfront.origin_shield_region), false)
    error_message = "The value of cloudfront.origin_shield_region must be one of us-east-1, us-west-2, eu-west-1, eu-central-1, ap-southeast-1, ap-northeast-1, ap-south-1, sa-east-1."
  }

  validation {
    condition     = try(var.cloudfront.default_ttl >= 0 && var.cloudfront.default_ttl <= 31536000 && floor(var.cloudfront.default_ttl) == var.cloudfront.default_ttl, false)
    error_message = "The value of cloudfront.default_ttl must be a whole number from 0 to 31536000."
  }

  validation {
    condition     = try(contains(["http1.1", "http2", "http3", "http2and3"], var.cloudfront.http_version), false)
    error_message = "The value of cloudfront.http_version must be one of http1.1, http2, http3, http2and3."
  }

  validation {
    condition     = try(var.cloudfront.compress != null, false)
    error_message = "The value of cloudfront.compress must be given."
  }

  validation {
    condition     = try(contains(["NONE", "FREE", "PRO", "BUSINESS", "PREMIUM"], var.cloudfront.flat_rate_plan) && (var.cloudfront.flat_rate_plan == "NONE" || var.waf.enabled == false || var.waf.rules <= lookup({ FREE = 5, PRO = 25, BUSINESS = 50, PREMIUM = 75 }, var.cloudfront.flat_rate_plan, 0)), false)
    error_message = "The value of cloudfront.flat_rate_plan must be one of NONE, FREE, PRO, BUSINESS, PREMIUM, and must include as many firewall rules as waf.rules: FREE 5, PRO 25, BUSINESS 50, PREMIUM 75."
  }
}

variable "rendering_queue" {
  description = "Queue of rendering jobs"
  type = object({
    create                     = bool
    visibility_timeout_seconds = number
    message_retention_seconds  = number
    receive_wait_time_seconds  = number
    max_receive_count          = number
    sqs_managed_sse_enabled    = bool
  })
  nullable = false

  validation {
    condition     = try(var.rendering_queue.create != null, false)
    error_message = "The value of rendering_queue.create must be given."
  }

  validation {
    condition     = try(var.rendering_queue.visibility_timeout_seconds >= 0 && var.rendering_queue.visibility_timeout_seconds <= 43200 && floor(var.rendering_queue.visibility_timeout_seconds) == var.rendering_queue.visibility_timeout_seconds && (var.rendering_queue.visibility_timeout_seconds >= var.lambda_rendering.timeout), false)
    error_message = "The value of rendering_queue.visibility_timeout_seconds must be a whole number from 0 to 43200, and must be at least lambda_rendering.timeout."
  }

  validation {
    condition     = try(var.rendering_queue.message_retention_seconds >= 60 && var.rendering_queue.message_retention_seconds <= 1209600 && floor(var.rendering_queue.message_retention_seconds) == var.rendering_queue.message_retention_seconds, false)
    error_message = "The value of rendering_queue.message_retention_seconds must be a whole number from 60 to 1209600."
  }

  validation {
    condition     = try(var.rendering_queue.receive_wait_time_seconds >= 0 && var.rendering_queue.receive_wait_time_seconds <= 20 && floor(var.rendering_queue.receive_wait_time_seconds) == var.rendering_queue.receive_wait_time_seconds, false)
    error_message = "The value of rendering_queue.receive_wait_time_seconds must be a whole number from 0 to 20."
  }

  validation {
    condition     = try(var.rendering_queue.max_receive_count >= 1 && var.rendering_queue.max_receive_count <= 1000 && floor(var.rendering_queue.max_receive_count) == var.rendering_queue.max_receive_count, false)
    error_message = "The value of rendering_queue.max_receive_count must be a whole number from 1 to 1000."
  }

  validation {
    condition     = try(var.rendering_queue.sqs_managed_sse_enabled != null, false)
    error_message = "The value of rendering_queue.sqs_managed_sse_enabled must be given."
  }
}

variable "lambda_rendering" {
  description = "Function that renders 3D models"
  type = object({
    memory_size         = number
    timeout             = number
    runtime             = string
    architectures       = list(string)
    maximum_concurrency = number
    batch_size          = number
  })
  nullable = false

  validation {
    condition     = try(var.lambda_rendering.memory_size >= 128 && var.lambda_rendering.memory_size <= 10240 && floor(var.lambda_rendering.memory_size) == var.lambda_rendering.memory_size, false)
    error_message = "The value of lambda_rendering.memory_size must be a whole number from 128 to 10240."
  }

  validation {
    condition     = try(var.lambda_rendering.timeout >= 1 && var.lambda_rendering.timeout <= 900 && floor(var.lambda_rendering.timeout) == var.lambda_rendering.timeout, false)
    error_message = "The value of lambda_rendering.timeout must be a whole number from 1 to 900."
  }

  validation {
    condition     = try(contains(["dotnet8", "java21", "nodejs22.x", "provided.al2023", "python3.13", "ruby3.4"], var.lambda_rendering.runtime), false)
    error_message = "The value of lambda_rendering.runtime must be one of dotnet8, java21, nodejs22.x, provided.al2023, python3.13, ruby3.4."
  }

  validation {
    condition     = try(length(var.lambda_rendering.architectures) == 1 && alltrue([for name in var.lambda_rendering.architectures : contains(["x86_64", "arm64"], name)]), false)
    error_message = "The value of lambda_rendering.architectures must be a list of one of x86_64, arm64."
  }

  validation {
    condition     = try(var.lambda_rendering.maximum_concurrency >= 2 && var.lambda_rendering.maximum_concurrency <= 1000 && floor(var.lambda_rendering.maximum_concurrency) == var.lambda_rendering.maximum_concurrency, false)
    error_message = "The value of lambda_rendering.maximum_concurrency must be a whole number from 2 to 1000."
  }

  validation {
    condition     = try(var.lambda_rendering.batch_size >= 1 && var.lambda_rendering.batch_size <= 10 && floor(var.lambda_rendering.batch_size) == var.lambda_rendering.batch_size, false)
    error_message = "The value of lambda_rendering.batch_size must be a whole number from 1 to 10."
  }
}

variable "s3_bucket" {
  description = "Asset bucket: private, versioned, encrypted; inputs of terraform-aws-modules/s3-bucket."
  type = object({
    versioning                             = bool
    bucket_key_enabled                     = bool
    noncurrent_version_expiration_days     = number
    abort_incomplete_multipart_upload_days = number
    replication                            = bool
    replica_region                         = string
  })
  nullable = false

  validation {
    condition     = try(var.s3_bucket.versioning != null, false)
    error_message = "The value of s3_bucket.versioning must be given."
  }

  validation {
    condition     = try(var.s3_bucket.bucket_key_enabled != null, false)
    error_message = "The value of s3_bucket.bucket_key_enabled must be given."
  }

  validation {
    condition     = try(var.s3_bucket.noncurrent_version_expiration_days >= 1 && var.s3_bucket.noncurrent_version_expiration_days <= 3650 && floor(var.s3_bucket.noncurrent_version_expiration_days) == var.s3_bucket.noncurrent_version_expiration_days, false)
    error_message = "The value of s3_bucket.noncurrent_version_expiration_days must be a whole number from 1 to 3650."
  }

  validation {
    condition     = try(var.s3_bucket.abort_incomplete_multipart_upload_days >= 1 && var.s3_bucket.abort_incomplete_multipart_upload_days <= 365 && floor(var.s3_bucket.abort_incomplete_multipart_upload_days) == var.s3_bucket.abort_incomplete_multipart_upload_days, false)
    error_message = "The value of s3_bucket.abort_incomplete_multipart_upload_days must be a whole number from 1 to 365."
  }

  validation {
    condition     = try(var.s3_bucket.replication != null && (var.s3_bucket.replication == (var.s3_bucket.replica_region != "none")), false)
    error_message = "The value of s3_bucket.replication must be given, and must be true when s3_bucket.replica_region names a region, false when it is none."
  }

  validation {
    condition     = try(contains(["none", "us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-1", "ap-northeast-1", "ap-south-1", "sa-east-1"], var.s3_bucket.replica_region) && (var.s3_bucket.replica_region != var.region), false)
    error_message = "The value of s3_bucket.replica_region must be one of none, us-east-1, us-west-2, eu-west-1, eu-central-1, ap-southeast-1, ap-northeast-1, ap-south-1, sa-east-1, and must differ from region."
  }
}

variable "route53" {
  description = "Public hosted zone and health checks; inputs of terraform-aws-modules/route53."
  type = object({
    create_zone                    = bool
    alias_to_cloudfront            = bool
    health_checks                  = number
    health_check_interval_s        = number
    health_check_failure_threshold = number
  })
  nullable = false

  validation {
    condition     = try(var.route53.create_zone != null, false)
    error_message = "The value of route53.create_zone must be given."
  }

  validation {
    condition     = try(var.route53.alias_to_cloudfront != null, false)
    error_message = "The value of route53.alias_to_cloudfront must be given."
  }

  validation {
    condition     = try(var.route53.health_checks >= 0 && var.route53.health_checks <= 200 && floor(var.route53.health_checks) == var.route53.health_checks, false)
    error_message = "The value of route53.health_checks must be a whole number from 0 to 200."
  }

  validation {
    condition     = try(contains([10, 30], var.route53.health_check_interval_s), false)
    error_message = "The value of route53.health_check_interval_s must be one of 10, 30."
  }

  validation {
    condition     = try(var.route53.health_check_failure_threshold >= 1 && var.route53.health_check_failure_threshold <= 10 && floor(var.route53.health_check_failure_threshold) == var.route53.health_check_failure_threshold, false)
    error_message = "The value of route53.health_check_failure_threshold must be a whole number from 1 to 10."
  }
}

variable "cloudwatch" {
  description = "Retention of log groups; inputs of terraform-aws-modules/cloudwatch."
  type = object({
    retention_in_days = number
    dashboards        = number
  })
  nullable = false

  validation {
    condition     = try(contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.cloudwatch.retention_in_days), false)
    error_message = "The value of cloudwatch.retention_in_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }

  validation {
    condition     = try(var.cloudwatch.dashboards >= 0 && var.cloudwatch.dashboards <= 1000 && floor(var.cloudwatch.dashboards) == var.cloudwatch.dashboards, false)
    error_message = "The value of cloudwatch.dashboards must be a whole number from 0 to 1000."
  }
}

variable "vpc" {
  description = "Network over several zones; inputs of terraform-aws-modules/vpc."
  type = object({
    azs                                             = list(string)
    enable_nat_gateway                              = bool
    single_nat_gateway                              = bool
    one_nat_gateway_per_az                          = bool
    enable_flow_log                                 = bool
    flow_log_cloudwatch_log_group_retention_in_days = number
  })
  nullable = false

  validation {
    condition     = try(length(var.vpc.azs) >= 2 && length(var.vpc.azs) <= 3 && length(distinct(var.vpc.azs)) == length(var.vpc.azs) && alltrue([for zone in var.vpc.azs : can(regex(format("^%s[a-z]$", var.region), zone))]), false)
    error_message = "The value of vpc.azs must name two or three different Availability Zones of region."
  }

  validation {
    condition     = try(var.vpc.enable_nat_gateway != null, false)
    error_message = "The value of vpc.enable_nat_gateway must be given."
  }

  validation {
    condition     = try(var.vpc.single_nat_gateway != null, false)
    error_message = "The value of vpc.single_nat_gateway must be given."
  }

  validation {
    condition     = try(var.vpc.one_nat_gateway_per_az != null, false)
    error_message = "The value of vpc.one_nat_gateway_per_az must be given."
  }

  validation {
    condition     = try(var.vpc.enable_flow_log != null, false)
    error_message = "The value of vpc.enable_flow_log must be given."
  }

  validation {
    condition     = try(contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.vpc.flow_log_cloudwatch_log_group_retention_in_days), false)
    error_message = "The value of vpc.flow_log_cloudwatch_log_group_retention_in_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "waf" {
  description = "Web ACL of scope CLOUDFRONT, created in us-east-1."
  type = object({
    enabled = bool
    rules   = number
  })
  nullable = false

  validation {
    condition     = try(var.waf.enabled != null, false)
    error_message = "The value of waf.enabled must be given."
  }

  validation {
    condition     = try(var.waf.rules >= 0 && var.waf.rules <= 1500 && floor(var.waf.rules) == var.waf.rules, false)
    error_message = "The value of waf.rules must be a whole number from 0 to 1500."
  }
}

variable "kms" {
  description = "Customer-managed keys; inputs of terraform-aws-modules/kms."
  type = object({
    keys                    = number
    enable_key_rotation     = bool
    deletion_window_in_days = number
  })
  nullable = false

  validation {
    condition     = try(var.kms.keys >= 0 && var.kms.keys <= 10000 && floor(var.kms.keys) == var.kms.keys, false)
    error_message = "The value of kms.keys must be a whole number from 0 to 10000."
  }

  validation {
    condition     = try(var.kms.enable_key_rotation != null, false)
    error_message = "The value of kms.enable_key_rotation must be given."
  }

  validation {
    condition     = try(var.kms.deletion_window_in_days >= 7 && var.kms.deletion_window_in_days <= 30 && floor(var.kms.deletion_window_in_days) == var.kms.deletion_window_in_days, false)
    error_message = "The value of kms.deletion_window_in_days must be a whole number from 7 to 30."
  }
}
