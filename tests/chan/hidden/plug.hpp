// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// plug.hpp: what the shared library has.
#pragma once

#include <fiber/context.hpp>

#if defined(__GXX_RTTI)
struct user {
#else
struct [[gnu::visibility("default")]] user {
#endif
    int id;
};

// The user's id, or -1.
[[gnu::visibility("default")]] int id_seen_by_plug(fiber::context const&);
// With a user of the library's own.
[[gnu::visibility("default")]] fiber::context with_plugs_user(fiber::context const& parent, int id);
// Whether a value of its own type `local` is found, which is another type than the program's of that name.
[[gnu::visibility("default")]] bool plug_finds_its_local(fiber::context const&);
