// int80: sockets by i386 calls out of a 64-bit process, through socket and through socketcall.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "i386.h"
#include "standalone.h"

static const struct {
    int domain, type, protocol;
    enum fam fam;
} shapes[] = {
    {AF_INET, SOCK_STREAM, 0, F_TCP},
    {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP, F_TCP},
    {AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP, F_UDP},
    {AF_INET6, SOCK_DGRAM, 0, F_UDP},
    {AF_UNIX, SOCK_STREAM, 0, F_OTHER},
    {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, F_OTHER},
    {AF_NETLINK, SOCK_DGRAM, 0, F_OTHER},
    {AF_INET, SOCK_RAW, IPPROTO_TCP, F_OTHER}, // refused without CAP_NET_RAW
};
enum { NSHAPES = sizeof shapes / sizeof *shapes };

int main(void) {
    struct tally t = {0};
    int fds[4 * NSHAPES], nfds = 0, made = 0;
    for (int i = 0; i < 4 * NSHAPES; i++) {
        int s = i % NSHAPES;
        int fd = i / NSHAPES % 2 ? i386_socketcall(SOCKETCALL_SOCKET, shapes[s].domain, shapes[s].type, shapes[s].protocol, NULL)
                                 : i386_socket(shapes[s].domain, shapes[s].type, shapes[s].protocol);
        if (fd < 0) continue;
        t.socket[shapes[s].fam]++;
        if (made++ % 3 == 1) {
            if (i386_close(fd) != 0) return 1;
            t.closed[shapes[s].fam]++;
        } else {
            t.open[shapes[s].fam]++;
            fds[nfds++] = fd;
        }
    }
    if (!made) {
        fprintf(stderr, "int80: this kernel takes no i386 calls\n");
        return 77;
    }
    // None of these gives or closes anything.
    i386_socket(4000, SOCK_STREAM, 0);
    i386_socketcall(SOCKETCALL_SOCKET, AF_INET, 15, 0, NULL);
    i386_call(I386_socketcall, SOCKETCALL_SOCKET, 16, 0);
    i386_close(-1);
    say_hold(&t, fds, nfds);
    wait_stdin_eof();
    return 0;
}
