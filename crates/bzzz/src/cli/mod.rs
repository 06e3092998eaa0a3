pub mod exit;
pub mod failure;
