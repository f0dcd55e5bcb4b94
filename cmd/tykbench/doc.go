// Command tykbench measures the built collector on this machine, with servers of its
// own, and writes docs/benchmarks.md:
//
//	make bench                                          all of it
//	go run ./cmd/tykbench -only raw,nop -output /dev/null   some of it
//	go run ./cmd/tykbench -only raw -runs 1 -profile-dir profiles -output /dev/null
//	go tool pprof -top profiles/raw-1.cpu.pprof         where the time went
//	go tool pprof -sample_index=alloc_space -top profiles/raw-1.allocs.pprof
//
// "tykbench soak" lets it work at a steady rate for minutes, and writes docs/soak.md.
package main
