package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// gcmNonce is the only nonce length there is here; cipher.AEAD panics on another.
const gcmNonce = 12

// Decrypt opens the AEAD_AES_256_GCM envelope of a notification. key is the
// APIv3 key's 32 bytes. A key of another length is refused although AES would
// take it: it means that another secret was put in its place.
func Decrypt(key []byte, nonce, aad, ciphertextB64 string) ([]byte, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("wechat: the APIv3 key has %d bytes, not 32", len(key))
	}
	if len(nonce) != gcmNonce {
		return nil, fmt.Errorf("wechat: the nonce has %d bytes, not %d", len(nonce), gcmNonce)
	}
	sealed, err := base64.StdEncoding.DecodeString(ciphertextB64)
	if err != nil {
		return nil, errors.New("wechat: the ciphertext is not base64")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("wechat: decrypt: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("wechat: decrypt: %w", err)
	}
	plain, err := gcm.Open(nil, []byte(nonce), sealed, []byte(aad))
	if err != nil {
		return nil, errors.New("wechat: the envelope does not open: another APIv3 key, or damaged on its way")
	}
	return plain, nil
}

// openNotice decrypts what a notification carries.
func openNotice(key, body []byte) ([]byte, error) {
	var n struct {
		Resource struct {
			Algorithm  string `json:"algorithm"`
			Ciphertext string `json:"ciphertext"`
			AAD        string `json:"associated_data"`
			Nonce      string `json:"nonce"`
		} `json:"resource"`
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, fmt.Errorf("wechat: notification: %w", err)
	}
	if n.Resource.Algorithm != "AEAD_AES_256_GCM" {
		return nil, fmt.Errorf("wechat: notification: unknown algorithm %.40q", n.Resource.Algorithm)
	}
	return Decrypt(key, n.Resource.Nonce, n.Resource.AAD, n.Resource.Ciphertext)
}
