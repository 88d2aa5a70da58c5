//! A batch of block requests there and back: `xen-ring` beside the C macros.

use criterion::{Criterion, Throughput};
use xen_benches::{BATCH, expected, rust_side};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("block ring, 32 requests there and back");
    group.throughput(Throughput::Elements(BATCH.into()));
    let mut pair = rust_side::Pair::connected();
    assert_eq!(pair.round(), Ok(expected()), "every token comes back");
    group.bench_function("rust", |bench| bench.iter(|| pair.round()));
    #[cfg(xen_headers)]
    {
        let mut pair = xen_benches::c_side::Pair::connected();
        assert_eq!(pair.round(), expected(), "every token comes back");
        group.bench_function("c", |bench| bench.iter(|| pair.round()));
    }
    #[cfg(not(xen_headers))]
    println!("c: {}", xen_benches::SKIPPED);
    group.finish();
    criterion.final_summary();
}
