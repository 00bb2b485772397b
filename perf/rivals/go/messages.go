// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What do messages cost?
package main

import "time"

func roundTrips(n int) time.Duration {
	there, back, ended := make(chan int), make(chan int), make(chan bool)
	go func() {
		for v := range there {
			back <- v + 1
		}
		close(ended)
	}()
	v := 0
	start := time.Now()
	for i := 0; i < n; i++ {
		there <- v
		v = <-back
	}
	took := time.Since(start)
	close(there)
	<-ended
	verify(v == n, "every value came back, plus one")
	return took
}

func produceAndConsume(n int) time.Duration {
	items := make(chan int, 128)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			items <- i
		}
		close(items)
	}()
	received, inOrder := 0, 0
	for v := range items {
		if v == received {
			inOrder++
		}
		received++
	}
	took := time.Since(start)
	verify(received == n && inOrder == n, "every item arrived once and in order")
	return took
}

func passAToken(size, hops int) time.Duration {
	links := make([]chan int, size)
	for i := range links {
		links[i] = make(chan int)
	}
	home := make(chan int)
	for i := range links {
		go func(in <-chan int, out chan<- int, i int) {
			for left := range in {
				if left > 0 {
					out <- left - 1
				} else {
					home <- i
				}
			}
		}(links[i], links[(i+1)%size], i)
	}
	pass := func(n int) int {
		links[0] <- n
		return <-home
	}
	pass(size) // all are there
	start := time.Now()
	last := pass(hops)
	took := time.Since(start)
	for _, link := range links {
		close(link)
	}
	verify(last == hops%size, "the token stopped where it should")
	return took
}
