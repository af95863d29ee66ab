//! onepixel on AWS.
