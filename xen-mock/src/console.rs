//! The console daemon (`xencons_interface` of `io/console.h`).

use std::collections::VecDeque;

use crate::memory::Frame;

const IN_SIZE: u32 = 1024;
const OUT: usize = 1024;
const OUT_SIZE: u32 = 2048;
const IN_CONS: usize = 3072;
const IN_PROD: usize = 3076;
const OUT_CONS: usize = 3080;
const OUT_PROD: usize = 3084;

#[derive(Debug)]
pub(crate) struct ConsoleDaemon {
    pub(crate) text: Vec<u8>,
    pub(crate) typed: VecDeque<u8>,
}

impl ConsoleDaemon {
    pub(crate) const fn new() -> Self {
        Self { text: Vec::new(), typed: VecDeque::new() }
    }

    /// Takes output and gives input; tells whether anything moved, `None` if the indices make no sense.
    pub(crate) fn serve(&mut self, page: Frame) -> Option<bool> {
        let (cons, prod) = (page.u32(OUT_CONS), page.u32(OUT_PROD));
        let ready = prod.wrapping_sub(cons);
        if ready > OUT_SIZE {
            return None;
        }
        for at in 0..ready {
            self.text.push(page.u8(OUT + (cons.wrapping_add(at) % OUT_SIZE) as usize));
        }
        page.set_u32(OUT_CONS, prod);
        Some(self.give(page) || ready > 0)
    }

    fn give(&mut self, page: Frame) -> bool {
        let (cons, mut prod) = (page.u32(IN_CONS), page.u32(IN_PROD));
        let before = prod;
        while prod.wrapping_sub(cons) < IN_SIZE {
            let Some(byte) = self.typed.pop_front() else { break };
            page.write((prod % IN_SIZE) as usize, &[byte]);
            prod = prod.wrapping_add(1);
        }
        page.set_u32(IN_PROD, prod);
        prod != before
    }

    /// Returns the lines so far; the last one may not be whole.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.text);
        text.lines().map(Into::into).collect()
    }
}
