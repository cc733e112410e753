//! Tests of the inspecting layer.
