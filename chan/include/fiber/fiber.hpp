// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber.hpp: includes every public header of the library.
#pragma once

#include <fiber/barrier.hpp>
#include <fiber/chan.hpp>
#include <fiber/condition_variable.hpp>
#include <fiber/context.hpp>
#include <fiber/future.hpp>
#include <fiber/go.hpp>
#include <fiber/group.hpp>
#include <fiber/hook.hpp>
#include <fiber/inspect.hpp>
#include <fiber/io.hpp>
#include <fiber/latch.hpp>
#include <fiber/local.hpp>
#include <fiber/mutex.hpp>
#include <fiber/net.hpp>
#include <fiber/once.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>
#include <fiber/semaphore.hpp>
#include <fiber/shared_mutex.hpp>
#include <fiber/stack.hpp>
#include <fiber/stop_token.hpp>
#include <fiber/time.hpp>
#include <fiber/wait_group.hpp>
#include <fiber/weighted_semaphore.hpp>
