//! The one integration-test target: each test binary links DataFusion, so there is one.
mod normalize;
mod normalize_contract;
mod normalize_formats;
mod normalize_messy;
mod normalize_properties;
mod normalize_real;
mod normalize_support;
