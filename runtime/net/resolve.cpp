// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// resolve.cpp: fiber::net::resolve. What needs no look-up is answered here.
#include <fiber/net/resolve.hpp>

#include "runtime/base/process/no_destructor.hpp"
#include "runtime/net/failure.hpp"
#include "runtime/net/numeric_address.hpp"
#include "runtime/net/resolver.hpp"
#include "runtime/net/system_lookup.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <netdb.h>

namespace fiber::net {
namespace {

constinit rt::resolver system_resolver(rt::system_lookup);

class lookup_errors final : public std::error_category {
public:
    constexpr lookup_errors() noexcept = default;
    [[nodiscard]] char const* name() const noexcept override { return "resolve"; }
    [[nodiscard]] std::string message(int code) const override { return ::gai_strerror(code); }
    [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
        switch (code) {
        case EAI_AGAIN:
            return std::make_error_condition(std::errc::resource_unavailable_try_again);
        case EAI_MEMORY:
            return std::make_error_condition(std::errc::not_enough_memory);
        case EAI_FAMILY:
            return std::make_error_condition(std::errc::address_family_not_supported);
        default:
            return {code, *this};
        }
    }
};

constinit rt::no_destructor<lookup_errors> category;

rt::lookup_result failed(int code) { return {{code, resolve_category()}, {}}; }

rt::lookup_result resolve_unix(std::string_view text, std::string_view service) {
    if (!service.empty())
        return failed(EAI_SERVICE);
    std::error_code error;
    endpoint const found = endpoint::parse(text, error);
    return error ? rt::lookup_result{error, {}} : rt::lookup_result{{}, {found}};
}

// The host's text decides. inet_aton's other forms of IPv4 addresses are left to getaddrinfo.
rt::lookup_result resolve_with_port(std::string_view host, std::uint16_t port, detail::deadline deadline) {
    endpoint found;
    if (rt::parse_ipv4(host, port, found) == nullptr || rt::parse_ipv6(host, port, found) == nullptr)
        return {{}, {found}};
    if (!host.empty())
        return system_resolver.resolve(host, std::to_string(port), deadline);
    auto const number = std::to_string(port);
    return {{}, {endpoint::parse("[::1]:" + number), endpoint::parse("127.0.0.1:" + number)}};
}

rt::lookup_result resolve_any(std::string_view host, std::string_view service, detail::deadline deadline) {
    if (deadline != detail::never && detail::has_passed(deadline))
        return {std::make_error_code(std::errc::timed_out), {}};
    if (host.starts_with("unix:"))
        return resolve_unix(host, service);
    if (host.find('\0') != host.npos)
        return failed(EAI_NONAME);
    if (service.find('\0') != service.npos)
        return failed(EAI_SERVICE);
    auto const is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!std::all_of(service.begin(), service.end(), is_digit))
        return system_resolver.resolve(host, service, deadline);
    auto const port = rt::parse_port(service.empty() ? "0" : service);
    if (!port)
        return failed(EAI_SERVICE); // getaddrinfo would cut the number to 16 bits
    return resolve_with_port(host, *port, deadline);
}

} // namespace

std::vector<endpoint> resolve(std::string_view host, std::string_view service, detail::deadline deadline,
                              std::error_code& error) {
    auto result = resolve_any(host, service, deadline);
    error = result.error;
    return std::move(result.addresses);
}

std::vector<endpoint> resolve(std::string_view host, std::string_view service, std::error_code& error) {
    return resolve(host, service, detail::never, error);
}

std::vector<endpoint> resolve(std::string_view host, std::string_view service, detail::deadline deadline) {
    return rt::or_throw([&](std::error_code& error) { return resolve(host, service, deadline, error); },
                        "resolve", host, service);
}

std::error_category const& resolve_category() noexcept { return category.value; }

} // namespace fiber::net
