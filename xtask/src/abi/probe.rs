//! Asks a C compiler: one program that prints, for each fact, what the headers say.

use super::fact::{About, Fact};
use super::value::Value;
use crate::shell;
use anyhow::{Context as _, Result, bail};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Where Debian's libxen-dev puts the headers.
pub(crate) const HEADERS: &str = "/usr/include";

/// Without the version, the headers take the guest for one of Xen 3.
const PRELUDE: &str = r#"#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/io/9pfs.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/libxenvchan.h>
#include <xen/io/netif.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

/* The block protocol of 32-bit x86: the same header again, under other names, with numbers of 64 bits at multiples of 4. */
#undef __XEN_PUBLIC_IO_BLKIF_H__
#define blkif_request_segment blkif_x86_32_request_segment
#define blkif_request blkif_x86_32_request
#define blkif_request_t blkif_x86_32_request_t
#define blkif_request_discard blkif_x86_32_request_discard
#define blkif_request_discard_t blkif_x86_32_request_discard_t
#define blkif_request_indirect blkif_x86_32_request_indirect
#define blkif_request_indirect_t blkif_x86_32_request_indirect_t
#define blkif_response blkif_x86_32_response
#define blkif_response_t blkif_x86_32_response_t
#define blkif_sring_entry blkif_x86_32_sring_entry
#define blkif_sring blkif_x86_32_sring
#define blkif_sring_t blkif_x86_32_sring_t
#define blkif_front_ring blkif_x86_32_front_ring
#define blkif_front_ring_t blkif_x86_32_front_ring_t
#define blkif_back_ring blkif_x86_32_back_ring
#define blkif_back_ring_t blkif_x86_32_back_ring_t
#define __i386__
#pragma pack(push, 4)
#include <xen/io/blkif.h>
#pragma pack(pop)
#undef __i386__
#undef blkif_request_segment
#undef blkif_request
#undef blkif_request_discard
#undef blkif_request_indirect
#undef blkif_response
#undef blkif_sring_entry
#undef blkif_sring

#define NUMBER(value) printf("%lld\n", (long long)(value))

static void error_name(const char *name)
{
    size_t at, count = sizeof(xsd_errors) / sizeof(xsd_errors[0]);
    for (at = 0; at < count && strcmp(xsd_errors[at].errstring, name); at++)
        ;
    printf("%s\n", at < count ? xsd_errors[at].errstring : "(absent)");
}

"#;

/// Returns the program.
fn program(facts: &[Fact]) -> String {
    let mut text = format!("{PRELUDE}int main(void)\n{{\n");
    for fact in facts {
        // A name that the headers lack is shown by the compiler with this line.
        let line = match fact.about {
            About::Name => format!("error_name(\"{}\");", fact.c),
            _ => format!("NUMBER({});", fact.c),
        };
        let _ = writeln!(text, "    {line} /* {} */", fact.path);
    }
    text + "    return 0;\n}\n"
}

/// Returns what the headers below `headers` say of each fact.
///
/// # Errors
/// If the program cannot be compiled: the headers lack a name, or `cc` fails.
pub(crate) fn ask(facts: &[Fact], headers: &Path) -> Result<Vec<Value>> {
    let folder = tempfile::tempdir()?;
    let (source, binary) = (folder.path().join("probe.c"), folder.path().join("probe"));
    std::fs::write(&source, program(facts))?;
    let mut cc = Command::new("cc");
    if headers != Path::new(HEADERS) {
        cc.arg("-I").arg(headers);
    }
    shell::output(cc.args(["-std=gnu11", "-o"]).arg(&binary).arg(&source))
        .context("the C compiler does not take the facts")?;
    answers(facts, &shell::output(&mut Command::new(&binary))?)
}

fn answers(facts: &[Fact], printed: &str) -> Result<Vec<Value>> {
    let lines: Vec<&str> = printed.lines().collect();
    if lines.len() != facts.len() {
        bail!("the probe printed {} lines for {} facts", lines.len(), facts.len());
    }
    let value = |(fact, line): (&Fact, &&str)| match fact.about {
        About::Name => Ok(Value::Text((*line).to_owned())),
        _ => Ok(Value::Int(line.parse()?)),
    };
    facts.iter().zip(&lines).map(value).collect()
}
