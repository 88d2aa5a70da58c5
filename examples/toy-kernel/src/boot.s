# From the 32-bit entry of a PVH guest to Rust in long mode; where the second processor begins; interrupts.

.section .text.boot, "ax"
.code32
.globl pvh_start
pvh_start:
    cld
    # One table of 4 GiB, each page where it is: 4 tables of 512 pages of 2 MiB.
    movl $directories + 3, %eax
    movl $pointers, %edi
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    loop 1b
    movl $0x83, %eax
    movl $directories, %edi
    movl $2048, %ecx
2:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 2b
    movl $pointers + 3, page_map
    movl $page_map, %eax
    movl %eax, %cr3
    # PAE, long mode, paging.
    movl %cr4, %eax
    orl $0x20, %eax
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    lgdt descriptors
    ljmp $8, $long_mode

.code64
long_mode:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $stack_top, %esp
    movl %ebx, %edi
    call kernel_main
    ud2

# Long mode, with a stack and an argument, and no descriptor table yet.
.globl second_start
second_start:
    lgdt descriptors
    pushq $8
    pushq $3f
    lretq
# A kernel of one processor has none.
.weak second_main
3:  call second_main
    ud2

# An interrupt wakes the processor and does nothing else; its local APIC is told, by the register of x2APIC.
.globl wake
wake:
    pushq %rax
    pushq %rcx
    pushq %rdx
    movl $0x80b, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    popq %rdx
    popq %rcx
    popq %rax
.globl spurious
spurious:
    iretq

.globl trap
trap:
    movq %rsp, %rdi
    andq $-16, %rsp
    call trapped
    ud2

.section .data.boot, "aw"
.balign 8
table:
    .quad 0, 0x00af9b000000ffff
descriptors:
    .word 15
    .quad table

.section .bss.boot, "aw", @nobits
.balign 4096
page_map:
    .skip 4096
pointers:
    .skip 4096
directories:
    .skip 4 * 4096
    .skip 256 * 1024
stack_top:
