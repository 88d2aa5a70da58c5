//! The code of a push, as it was compiled into this program: how many full barriers it has, and of what kind.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use xen_benches::harness::report::Report;
use xen_benches::probe;

const NAME: &str = "push, its barriers";

/// Full barriers of a function and of what it calls.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Barriers {
    locked: u32,
    mfence: u32,
    instructions: u32,
}

/// Adds the row.
pub(crate) fn row(report: &mut Report) -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        report.skip(NAME, "reads ELF programs of x86_64 alone");
        return Ok(());
    }
    // Wanted, so that it is there.
    std::hint::black_box(probe::push as *const ());
    let file = fs::read(std::env::current_exe()?)?;
    let program = Program::read(&file)?;
    let ours = program.barriers("xen_benches::probe::push")?;
    let c = program.barriers("block_front_publish")?;
    let what = format!(
        "{} locked and {} mfence in {} instructions; C {}, {} and {}",
        ours.locked, ours.mfence, ours.instructions, c.locked, c.mfence, c.instructions
    );
    report.row(NAME, &what, ((ours.locked, ours.mfence) == (1, 0)).into());
    Ok(())
}

/// The functions of a program, by address.
struct Program<'a> {
    functions: BTreeMap<u64, (String, &'a [u8])>,
}

impl<'a> Program<'a> {
    fn read(file: &'a [u8]) -> Result<Self> {
        let file = object::File::parse(file)?;
        let mut functions = BTreeMap::new();
        for symbol in file.symbols().filter(|symbol| symbol.kind() == object::SymbolKind::Text) {
            let Some(section) = symbol.section_index().and_then(|at| file.section_by_index(at).ok()) else { continue };
            let Some(code) = section.data_range(symbol.address(), symbol.size())? else { continue };
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
            functions.insert(symbol.address(), (name, code));
        }
        Ok(Self { functions })
    }

    /// Counts in the first function of that name, and in those of the crates that it calls.
    fn barriers(&self, name: &str) -> Result<Barriers> {
        let found = self.functions.iter().find(|(_, (known, _))| known == name);
        let (start, _) = found.with_context(|| format!("no function {name} in this program"))?;
        let mut sum = Barriers::default();
        let (mut next, mut seen) = (vec![*start], Vec::new());
        while let Some(at) = next.pop() {
            if seen.contains(&at) {
                continue;
            }
            seen.push(at);
            let Some((_, code)) = self.functions.get(&at) else { continue };
            next.extend(count(code, at, &mut sum).into_iter().filter(|at| self.is_ours(*at)));
        }
        ensure!(sum.instructions > 0, "{name} is empty");
        Ok(sum)
    }

    /// Panics and the like are not followed.
    fn is_ours(&self, at: u64) -> bool {
        self.functions.get(&at).is_some_and(|(name, _)| name.contains("xen_ring") || name.contains("xen_hypercall"))
    }
}

/// Adds what is in `code` to `sum`, and returns what it calls.
fn count(code: &[u8], at: u64, sum: &mut Barriers) -> Vec<u64> {
    let mut calls = Vec::new();
    for instruction in Decoder::with_ip(64, code, at, DecoderOptions::NONE) {
        sum.instructions += 1;
        sum.mfence += u32::from(instruction.mnemonic() == Mnemonic::Mfence);
        sum.locked += u32::from(is_locked(&instruction));
        let leaves = matches!(instruction.flow_control(), FlowControl::Call | FlowControl::UnconditionalBranch);
        if leaves && instruction.op0_kind() == OpKind::NearBranch64 {
            calls.push(instruction.near_branch64());
        }
    }
    calls
}

/// An exchange with memory locks without saying so.
fn is_locked(instruction: &Instruction) -> bool {
    let memory = [instruction.op0_kind(), instruction.op1_kind()].contains(&OpKind::Memory);
    instruction.has_lock_prefix() || (instruction.mnemonic() == Mnemonic::Xchg && memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_full_barrier_is_found() {
        // lock or dword [rsp-64], 0; xchg [rdi], eax; mfence; xchg eax, ecx; ret
        let code = b"\xf0\x83\x4c\x24\xc0\x00\x87\x07\x0f\xae\xf0\x91\xc3";
        let mut sum = Barriers::default();
        assert_eq!(count(code, 0x1000, &mut sum), []);
        assert_eq!(sum, Barriers { locked: 2, mfence: 1, instructions: 5 });
    }

    #[test]
    fn what_is_called_is_counted_too() {
        // call 0x2000; ret, and there: mfence; ret
        let caller = b"\xe8\xfb\x0f\x00\x00\xc3";
        let callee = b"\x0f\xae\xf0\xc3";
        let functions = [(0x1000, ("xen_benches::probe::push", &caller[..])), (0x2000, ("xen_ring::x", &callee[..]))];
        let functions = functions.map(|(at, (name, code))| (at, (name.to_owned(), code)));
        let program = Program { functions: functions.into() };
        assert_eq!(program.barriers("xen_benches::probe::push").unwrap().mfence, 1);
        assert!(program.barriers("nothing").is_err());
    }
}
