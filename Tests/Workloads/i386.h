// i386 system calls out of 64-bit code: the kernel takes `int $0x80` by the 32-bit call numbers, and
// an auditor that looks at the number without the architecture takes them for something else.
#ifndef I386_H
#define I386_H

#ifndef __x86_64__
#error "int $0x80 out of 64-bit code exists on x86_64 only"
#endif

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { I386_close = 6, I386_dup2 = 63, I386_socketcall = 102, I386_socket = 359 };
enum { SOCKETCALL_SOCKET = 1, SOCKETCALL_SOCKETPAIR = 8 };

// Returns the fd or -errno, as the kernel gave it.
static inline int i386_call(int nr, uint32_t a, uint32_t b, uint32_t c) {
    long ret;
    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "a"((long)nr), "b"((unsigned long)a), "c"((unsigned long)b), "d"((unsigned long)c)
                     : "memory", "cc", "r8", "r9", "r10", "r11");
    return (int)ret;
}

// socketcall takes its arguments from memory, and a 32-bit pointer reaches below 4 GiB only. One page
// per call, so that threads need no lock; `out` receives what the call left behind the arguments.
static inline int i386_socketcall(int call, int a, int b, int c, int out[2]) {
    uint32_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (page == MAP_FAILED) return -12;
    uint32_t low = (uint32_t)(uintptr_t)page;
    page[0] = (uint32_t)a;
    page[1] = (uint32_t)b;
    page[2] = (uint32_t)c;
    page[3] = low + 16;
    int ret = i386_call(I386_socketcall, (uint32_t)call, low, 0);
    if (out) memcpy(out, &page[4], 2 * sizeof *out);
    munmap(page, 4096);
    return ret;
}

static inline int i386_socket(int domain, int type, int protocol) {
    return i386_call(I386_socket, (uint32_t)domain, (uint32_t)type, (uint32_t)protocol);
}

static inline int i386_close(int fd) { return i386_call(I386_close, (uint32_t)fd, 0, 0); }

#endif
