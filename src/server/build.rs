//! Tells cargo that a release binary holds the dashboard's files: it is built anew when they are.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A debug binary reads them from the folder itself.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed=../../dashboard/dist");
    }
}
