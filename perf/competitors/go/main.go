// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Go as a competitor: the same work as the C++ templates in ../../workloads, as one writes it in Go.
// ../../harness/serve.hpp
// describes its command line, ../../harness/record.hpp what it writes.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// What n operations took. cpu and list are empty where no table wants them.
type spent struct {
	wall, cpu time.Duration
	list      []int64
}

type workload func(n int) spent

// Short operations warm up with a tenth of their number, large ones do not.
func warmedUp(work func(n int) time.Duration) workload {
	return func(n int) spent {
		work(n / 10)
		return spent{wall: work(n)}
	}
}

var workloads = map[string]workload{
	"yield_2":      warmedUp(func(n int) time.Duration { return yieldInTurns(2, n) }),
	"yield_10":     warmedUp(func(n int) time.Duration { return yieldInTurns(10, n) }),
	"ring":         warmedUp(func(n int) time.Duration { return passAToken(503, n) }),
	"ping_pong":    warmedUp(roundTrips),
	"pipe":         warmedUp(produceAndConsume),
	"many_to_many": warmedUp(fourToFour),
	"select":       warmedUp(selectFromTwo),
	"sieve":        func(n int) spent { return spent{wall: sieveToPrime(n)} },
	"spawn_join":   warmedUp(startAndJoin),
	"spawn_all":    func(n int) spent { return spent{wall: startAllThenWait(n)} },
	"park_all": func(n int) spent {
		parking, _ := parkAndWake(n)
		return spent{wall: parking}
	},
	"wake_all": func(n int) spent {
		_, waking := parkAndWake(n)
		return spent{wall: waking}
	},
	"dump_pause":     func(n int) spent { return spent{wall: longestPauseByDump(n)} },
	"snapshot_pause": func(n int) spent { return spent{wall: longestPauseByDump(n)} },
	"dump_all":       func(n int) spent { return spent{wall: timeOfDump(n)} },
	"skynet":         func(n int) spent { return spent{wall: growATree(n)} },
	"sleepers":       sleepAtOnce,
	"latency_0":      func(ms int) spent { return lateness(0, ms) },
	"latency_1":      func(ms int) spent { return lateness(1, ms) },
	"latency_2":      func(ms int) spent { return lateness(2, ms) },
}

func verify(right bool, what string) {
	if !right {
		fmt.Println("broken not true:", what)
		os.Exit(1)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		fmt.Println("broken", err)
		os.Exit(1)
	}
	return n
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: competitor_go NAME COUNT PROCESSORS [OPTION...] | version")
		os.Exit(2)
	}
	work, known := workloads[os.Args[1]]
	if !known {
		fmt.Println("impossible has none")
		return
	}
	runtime.GOMAXPROCS(number(os.Args[3])) // zero changes nothing
	took := work(number(os.Args[2]))
	if len(took.list) > 0 {
		fmt.Println("list", strings.Trim(fmt.Sprint(took.list), "[]"))
	}
	fmt.Printf("cpu %d\nvalue %d\n", took.cpu.Nanoseconds(), took.wall.Nanoseconds())
}
