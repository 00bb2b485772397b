// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// names.cpp: look-ups of names. They may wait for a name server, and need the stack of a thread.

#include "runtime/hook/hooked.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace fiber::hook_library {
namespace {

// Calls f as a look-up, and keeps what it leaves in errno and h_errno.
template <class F>
void look_up(F&& f) noexcept {
    int error = 0;
    int host_error = 0;
    auto call = [&]() noexcept {
        f();
        error = current_error();
        host_error = h_errno;
    };
    seam_of.dns->look_up([](void* it) noexcept { (*static_cast<decltype(call)*>(it))(); }, &call);
    fail_with(error);
    [](int value) __attribute__((noinline)) { h_errno = value; }
    (host_error); // of the OS thread of now
}

template <class Real, class... Arguments>
auto in_look_up(Real& real, Arguments... arguments) {
    if (parking_caller(seam_of.dns) == nullptr)
        return real(arguments...);
    decltype(real(arguments...)) result{};
    look_up([&] { result = real(arguments...); });
    return result;
}

// Returns true if the name is an address, or none: nobody is asked.
bool is_numeric(char const* host, addrinfo const* hints) noexcept {
    if (host == nullptr || (hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0))
        return true;
    in6_addr address;
    return ::inet_pton(AF_INET, host, &address) == 1 || ::inet_pton(AF_INET6, host, &address) == 1;
}

} // namespace
} // namespace fiber::hook_library

using namespace fiber::hook_library;

FIBER_HOOK(int, getaddrinfo,
           (char const* host, char const* service, addrinfo const* hints, addrinfo** found)) {
    return is_numeric(host, hints) ? real_getaddrinfo(host, service, hints, found)
                                   : in_look_up(real_getaddrinfo, host, service, hints, found);
}
FIBER_HOOK(int, getnameinfo,
           (sockaddr const* address, socklen_t length, char* host, socklen_t host_size, char* service,
            socklen_t service_size, int flags)) {
    return (flags & NI_NUMERICHOST) != 0
               ? real_getnameinfo(address, length, host, host_size, service, service_size, flags)
               : in_look_up(real_getnameinfo, address, length, host, host_size, service, service_size, flags);
}

// These return a buffer of the process or of the OS thread, which the next call overwrites, as outside of
// fibers.
FIBER_HOOK(hostent*, gethostbyname, (char const* name)) { return in_look_up(real_gethostbyname, name); }
FIBER_HOOK(hostent*, gethostbyname2, (char const* name, int family)) {
    return in_look_up(real_gethostbyname2, name, family);
}
FIBER_HOOK(hostent*, gethostbyaddr, (void const* address, socklen_t length, int family)) {
    return in_look_up(real_gethostbyaddr, address, length, family);
}
FIBER_HOOK(int, gethostbyname_r,
           (char const* name, hostent* to, char* buffer, std::size_t size, hostent** found, int* error)) {
    return in_look_up(real_gethostbyname_r, name, to, buffer, size, found, error);
}
FIBER_HOOK(int, gethostbyname2_r,
           (char const* name, int family, hostent* to, char* buffer, std::size_t size, hostent** found,
            int* error)) {
    return in_look_up(real_gethostbyname2_r, name, family, to, buffer, size, found, error);
}
FIBER_HOOK(int, gethostbyaddr_r,
           (void const* address, socklen_t length, int family, hostent* to, char* buffer, std::size_t size,
            hostent** found, int* error)) {
    return in_look_up(real_gethostbyaddr_r, address, length, family, to, buffer, size, found, error);
}

FIBER_HOOK_PART(names)
