// Checks a folder of a log with the packages that Go's checksum database is checked with (golang.org/x/mod/sumdb), and shares no line with
// what wrote it. Layout of the folder: https://c2sp.org/tlog-tiles, with earlier checkpoints in checkpoints/ and proof files in proofs/.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o verify test/support/go-verifier/main.go
//	./verify -dir DIR -log VKEY [-witness VKEY]...
//
// Prints one line for each kind of check with its count. Ends with 1 at the first fault and names it.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 256
)

type keys []string

func (k *keys) String() string         { return strings.Join(*k, " ") }
func (k *keys) Set(value string) error { *k = append(*k, value); return nil }

// cosignatureVerifier verifies signatures of type 0x04, which sumdb/note does not know. https://c2sp.org/tlog-cosignature
type cosignatureVerifier struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (v *cosignatureVerifier) Name() string    { return v.name }
func (v *cosignatureVerifier) KeyHash() uint32 { return v.hash }
func (v *cosignatureVerifier) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(v.key, []byte(signed), sig[8:])
}

func newCosignatureVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("the key of the witness has not three parts")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return nil, errors.New("the key of the witness is not of type 04")
	}
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return nil, errors.New("the key of the witness has no id")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	id := binary.BigEndian.Uint32(sum[:])
	if uint32(hash) != id {
		return nil, errors.New("the key of the witness has another id")
	}
	return &cosignatureVerifier{parts[0], id, ed25519.PublicKey(key[1:])}, nil
}

// folder reads tiles of a log from files.
type folder struct{ dir string }

func (f folder) Height() int                     { return tileHeight }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(name)))
}
func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		content, err := f.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		data = append(data, content)
	}
	return data, nil
}

// bundle reads the entries of one bundle.
func (f folder) bundle(n int64, width int) ([][]byte, error) {
	path := strings.Replace((tlog.Tile{H: tileHeight, L: 0, N: n, W: width}).Path(), "tile/8/0/", "tile/entries/", 1)
	content, err := f.read(path)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(content) > 0 {
		if len(content) < 2 || len(content) < 2+int(binary.BigEndian.Uint16(content)) {
			return nil, fmt.Errorf("%s is cut off", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(content))
		entries = append(entries, content[2:end])
		content = content[end:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%s has %d entries where %d are due", path, len(entries), width)
	}
	return entries, nil
}

type checkpoint struct {
	origin string
	tree   tlog.Tree
	text   string
}

// open verifies that the log signed, and every witness.
func open(content []byte, log note.Verifier, witnesses []note.Verifier) (c checkpoint, err error) {
	n, err := note.Open(content, note.VerifierList(append([]note.Verifier{log}, witnesses...)...))
	if err != nil {
		return c, err
	}
	signed := map[string]bool{}
	for _, sig := range n.Sigs {
		signed[fmt.Sprint(sig.Name, sig.Hash)] = true
	}
	for _, v := range append([]note.Verifier{log}, witnesses...) {
		if !signed[fmt.Sprint(v.Name(), v.KeyHash())] {
			return c, fmt.Errorf("%s did not sign", v.Name())
		}
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != log.Name() {
		return c, errors.New("the note is no checkpoint of the log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return c, errors.New("the checkpoint has no size")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return c, err
	}
	return checkpoint{lines[0], tlog.Tree{N: size, Hash: root}, n.Text}, nil
}

// rows holds the hashes that the entries make for the tile at the right edge of each level, and compares each tile that they fill with the
// file of the log. TileHashReader of x/mod 0.7 is not asked here: where n of the tree's peaks stand in one tile, it leaves n − 1 other tiles
// that it read unchecked.
type rows struct {
	f      folder
	hashes [][]tlog.Hash
	tiles  []int64
}

func (r *rows) add(level int, hash tlog.Hash) error {
	if level == len(r.hashes) {
		r.hashes = append(r.hashes, nil)
		r.tiles = append(r.tiles, 0)
	}
	r.hashes[level] = append(r.hashes[level], hash)
	if len(r.hashes[level]) < tileWidth {
		return nil
	}
	if err := r.compare(level); err != nil {
		return err
	}
	root := fold(r.hashes[level])
	r.hashes[level] = nil
	r.tiles[level]++
	return r.add(level+1, root)
}

func (r *rows) compare(level int) error {
	width := len(r.hashes[level])
	tile := tlog.Tile{H: tileHeight, L: level, N: r.tiles[level], W: width}
	data, err := r.f.ReadTiles([]tlog.Tile{tile})
	if err != nil {
		return err
	}
	first := r.tiles[level] * tileWidth
	if len(data[0]) != width*tlog.HashSize {
		return fmt.Errorf("hash %d of level %d: its tile has another length", first, level)
	}
	for i, hash := range r.hashes[level] {
		if !bytes.Equal(hash[:], data[0][i*tlog.HashSize:(i+1)*tlog.HashSize]) {
			return fmt.Errorf("hash %d of level %d: is not that of the entries", first+int64(i), level)
		}
	}
	return nil
}

// finish compares the partial tiles and gives the root.
func (r *rows) finish() (tlog.Hash, error) {
	var root *tlog.Hash
	for level, hashes := range r.hashes {
		if len(hashes) == 0 {
			continue
		}
		if err := r.compare(level); err != nil {
			return tlog.Hash{}, err
		}
		// Peaks from the right: the smallest perfect subtree first.
		for end, width := len(hashes), 1; end > 0; width *= 2 {
			if end&width == 0 {
				continue
			}
			peak := fold(hashes[end-width : end])
			if root != nil {
				peak = tlog.NodeHash(peak, *root)
			}
			root = &peak
			end -= width
		}
	}
	if root == nil {
		return tlog.Hash(sha256.Sum256(nil)), nil
	}
	return *root, nil
}

// fold gives the root over a power of two of hashes.
func fold(hashes []tlog.Hash) tlog.Hash {
	row := append([]tlog.Hash(nil), hashes...)
	for len(row) > 1 {
		for i := 0; i < len(row)/2; i++ {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
		row = row[:len(row)/2]
	}
	return row[0]
}

func checkEntries(f folder, c checkpoint) error {
	r := rows{f: f}
	for start := int64(0); start < c.tree.N; start += tileWidth {
		width := int64(tileWidth)
		if c.tree.N-start < width {
			width = c.tree.N - start
		}
		entries, err := f.bundle(start/tileWidth, int(width))
		if err != nil {
			return fmt.Errorf("entry %d: %w", start, err)
		}
		for _, entry := range entries {
			if err := r.add(0, tlog.RecordHash(entry)); err != nil {
				return err
			}
		}
	}
	root, err := r.finish()
	if err != nil {
		return err
	}
	if root != c.tree.Hash {
		return errors.New("the entries do not make the root")
	}
	return nil
}

func checkInclusions(c checkpoint, hashes tlog.HashReader, count int64) (done int64, err error) {
	step := c.tree.N/count + 1
	for i := int64(0); i < c.tree.N; i += step {
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
		if err != nil {
			return done, fmt.Errorf("entry %d: %w", i, err)
		}
		proof, err := tlog.ProveRecord(c.tree.N, i, hashes)
		if err != nil {
			return done, fmt.Errorf("entry %d: %w", i, err)
		}
		if err := tlog.CheckRecord(proof, c.tree.N, c.tree.Hash, i, leaf[0]); err != nil {
			return done, fmt.Errorf("entry %d: %w", i, err)
		}
		done++
	}
	return done, nil
}

func checkConsistency(f folder, c checkpoint, hashes tlog.HashReader, log note.Verifier) (done int, err error) {
	files, err := filepath.Glob(filepath.Join(f.dir, "checkpoints", "*"))
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return done, err
		}
		older, err := open(content, log, nil)
		if err != nil {
			return done, fmt.Errorf("checkpoint %s: %w", filepath.Base(file), err)
		}
		if older.tree.N == 0 {
			continue
		}
		proof, err := tlog.ProveTree(c.tree.N, older.tree.N, hashes)
		if err != nil {
			return done, fmt.Errorf("checkpoint %s: %w", filepath.Base(file), err)
		}
		if err := tlog.CheckTree(proof, c.tree.N, c.tree.Hash, older.tree.N, older.tree.Hash); err != nil {
			return done, fmt.Errorf("checkpoint %s: %w", filepath.Base(file), err)
		}
		done++
	}
	return done, nil
}

// checkProof checks a file after https://c2sp.org/tlog-proof against the entry that the folder has at its index.
func checkProof(f folder, content []byte, size int64, log note.Verifier, witnesses []note.Verifier) error {
	head, rest, found := bytes.Cut(content, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("is no proof")
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return errors.New("has no index")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil || index < 0 || index >= size {
		return errors.New("has no index of the log")
	}
	var path tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	c, err := open(rest, log, witnesses)
	if err != nil {
		return err
	}
	start := index / tileWidth * tileWidth
	width := int64(tileWidth)
	if size-start < width {
		width = size - start
	}
	entries, err := f.bundle(index/tileWidth, int(width))
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, c.tree.N, c.tree.Hash, index, tlog.RecordHash(entries[index-start]))
}

func run() error {
	var dir, logKey string
	var witnessKeys keys
	var inclusions int64
	flag.StringVar(&dir, "dir", ".", "folder of the log")
	flag.StringVar(&logKey, "log", "", "verifier key of the log")
	flag.Var(&witnessKeys, "witness", "verifier key of a witness that has to have cosigned; may be given again")
	flag.Int64Var(&inclusions, "inclusions", 1000, "how many entries, evenly spread, to prove one by one")
	flag.Parse()

	log, err := note.NewVerifier(logKey)
	if err != nil {
		return fmt.Errorf("the key of the log: %w", err)
	}
	var witnesses []note.Verifier
	for _, key := range witnessKeys {
		witness, err := newCosignatureVerifier(key)
		if err != nil {
			return err
		}
		witnesses = append(witnesses, witness)
	}
	f := folder{dir}
	content, err := f.read("checkpoint")
	if err != nil {
		return err
	}
	c, err := open(content, log, witnesses)
	if err != nil {
		return fmt.Errorf("the checkpoint: %w", err)
	}
	fmt.Printf("signatures %d\n", 1+len(witnesses))
	hashes := tlog.TileHashReader(c.tree, f)
	if err := checkEntries(f, c); err != nil {
		return err
	}
	fmt.Printf("entries %d\n", c.tree.N)
	done, err := checkInclusions(c, hashes, inclusions)
	if err != nil {
		return err
	}
	fmt.Printf("inclusions %d\n", done)
	older, err := checkConsistency(f, c, hashes, log)
	if err != nil {
		return err
	}
	fmt.Printf("consistencies %d\n", older)
	files, err := filepath.Glob(filepath.Join(dir, "proofs", "*.tlog-proof"))
	if err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := checkProof(f, content, c.tree.N, log, witnesses); err != nil {
			return fmt.Errorf("proof %s: %w", filepath.Base(file), err)
		}
	}
	fmt.Printf("proofs %d\n", len(files))
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
