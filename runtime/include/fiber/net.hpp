// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/net.hpp>: sockets for fibers and OS threads. An operation that waits parks the fiber, and costs no
// thread.
#pragma once

#include <fiber/net/endpoint.hpp>
#include <fiber/net/resolve.hpp>
#include <fiber/net/tcp_listener.hpp>
#include <fiber/net/tcp_stream.hpp>
#include <fiber/net/udp_socket.hpp>
