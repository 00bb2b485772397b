// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// plug.hpp: the functions of the shared library.
#pragma once

#include <fiber/context.hpp>

#if defined(__GXX_RTTI)
struct user {
#else
struct [[gnu::visibility("default")]] user {
#endif
    int id;
};

// Returns the user's id, or -1.
[[gnu::visibility("default")]] int id_seen_by_plug(fiber::context const&);
// Returns a context with a user that the library has made.
[[gnu::visibility("default")]] fiber::context with_plugs_user(fiber::context const& parent, int id);
// Returns true if a value of the library's type `local` is found. The program's `local` is a different type.
[[gnu::visibility("default")]] bool plug_finds_its_local(fiber::context const&);
