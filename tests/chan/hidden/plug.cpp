// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/chan/hidden/plug.hpp"

namespace {
struct local {
    int value;
};
} // namespace

int id_seen_by_plug(fiber::context const& ctx) {
    auto const* const found = ctx.value<user>();
    return found != nullptr ? found->id : -1;
}

fiber::context with_plugs_user(fiber::context const& parent, int id) {
    return fiber::context::with_value(parent, user{id});
}

bool plug_finds_its_local(fiber::context const& ctx) { return ctx.value<local>() != nullptr; }
