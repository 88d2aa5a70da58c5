//! The first instructions: from Xen's 32-bit entry to [`main`](super::main) in long mode.
#![expect(unsafe_code, reason = "instructions")]

use core::arch::global_asm;

use super::paging::DIRECTORIES;

xen_hypercall::pvh_note!("pvh_entry");

// Xen enters in 32 bits, flat, with paging off and EBX = address of the start info. All tables are linked as data, so
// that nothing is to be computed here. The low half of a descriptor's base and its access byte are one 32-bit word.
global_asm!(
    r#"
    .section .text.entry, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    mov esp, offset stack_top
    mov eax, offset page_map
    mov cr3, eax
    mov eax, 1 << 5                 // CR4: PAE
    mov cr4, eax
    mov ecx, 0xc0000080             // EFER: LME, NXE
    rdmsr
    or eax, (1 << 8) | (1 << 11)
    wrmsr
    mov eax, 0x80010031             // CR0: PG, WP, NE, ET, PE
    mov cr0, eax
    lgdt [descriptors_pointer]
    push 8
    mov eax, offset long_mode
    push eax
    retf

    .code64
long_mode:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, 0x18
    ltr ax
    cld
    xor ebp, ebp
    mov edi, ebx
    call {main}
    ud2

    .section .text.hypercall, "ax"
    .balign 4096
    .globl hypercall_stubs
hypercall_stubs:                    // Xen writes here, past our tables
    .skip 4096

    .section .data.entry, "aw"
    .balign 4096
page_map:
    .quad page_pointers + 3
    .skip 4096 - 8
page_pointers:
    .quad {directories} + 0x0003, {directories} + 0x1003, {directories} + 0x2003, {directories} + 0x3003
    .skip 4096 - 32

    .balign 128
task_state:                         // in use: the first stack of the interrupt stack table, and no map of ports
    .skip 36
    .quad fault_stack_top
    .skip 58
    .word 104

descriptors:
    .quad 0
    .quad 0x00af9b000000ffff        // 0x08: code, 64 bits
    .quad 0x00cf93000000ffff        // 0x10: data
    .word 103                       // 0x18: task state
    .long task_state + 0x89000000
    .word 0
    .quad 0
descriptors_pointer:
    .word descriptors_pointer - descriptors - 1
    .long descriptors

    .section .stack, "aw", @nobits
    .balign 4096
    .globl stack_guard, fault_stack_guard
stack_guard:
    .skip 4096 + 0x80000
stack_top:
fault_stack_guard:
    .skip 4096 + 0x4000
fault_stack_top:
"#,
    main = sym super::main,
    directories = sym DIRECTORIES,
);
