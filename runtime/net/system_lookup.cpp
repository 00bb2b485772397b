// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// system_lookup.cpp: getaddrinfo, and what its errors hide.
#include "runtime/net/system_lookup.hpp"

#include "runtime/io/system_call.hpp"
#include "runtime/net/failure.hpp"
#include "runtime/net/lookup_limits.hpp"

#include <fiber/go.hpp>
#include <fiber/net/resolve.hpp>
#include <fiber/stack.hpp>

#include <algorithm>
#include <memory>

#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace fiber::rt {
namespace {

struct free_addresses {
    void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using address_list = std::unique_ptr<addrinfo, free_addresses>;

// Returns the error of a system that has no descriptors left; returns 0 if it has some.
int missing_descriptors() noexcept {
    long const probe = system_call(SYS_eventfd2, 0, EFD_CLOEXEC);
    if (probe < 0)
        return errno == EMFILE || errno == ENFILE ? errno : 0;
    static_cast<void>(system_call(SYS_close, probe));
    return 0;
}

// Without descriptors, the C library can open neither its files nor a socket to a name server. It then says
// that the name does not exist, or that the name server has not answered. errno may tell the truth, and
// otherwise an attempt to get a descriptor does.
std::error_code error_of_lookup(int code, int errno_value) noexcept {
    if (errno_value == EMFILE || errno_value == ENFILE)
        return error_of(errno_value);
    if (int const missing = missing_descriptors(); missing != 0)
        return error_of(missing);
    if (code == EAI_SYSTEM && errno_value != 0)
        return error_of(errno_value);
    return {code == EAI_SYSTEM ? EAI_FAIL : code, net::resolve_category()};
}

// A stream is asked for first, so that each address comes once. A service that exists for datagrams only is
// found by the second call.
std::error_code get_addresses(char const* host, char const* service, address_list& found) noexcept {
    for (int const type : {SOCK_STREAM, SOCK_DGRAM}) {
        addrinfo hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = type;
        addrinfo* list = nullptr;
        errno = 0;
        int const code = ::getaddrinfo(host, service, &hints, &list);
        if (code == 0) {
            found.reset(list);
            return {};
        }
        int const why = errno;
        if (code != EAI_SERVICE || type == SOCK_DGRAM)
            return error_of_lookup(code, why);
    }
    return {};
}

} // namespace

lookup_result system_lookup(std::string const& host, std::string const& service) {
    lookup_result result;
    address_list found;
    with_stack(lookup_stack_size, [&] {
        blocking([&] {
            result.error = get_addresses(host.empty() ? nullptr : host.c_str(),
                                         service.empty() ? nullptr : service.c_str(), found);
        });
    });
    auto& addresses = result.addresses;
    for (addrinfo const* each = found.get(); each != nullptr; each = each->ai_next) {
        net::endpoint const address(each->ai_addr, each->ai_addrlen);
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
            addresses.push_back(address);
    }
    return result;
}

} // namespace fiber::rt
