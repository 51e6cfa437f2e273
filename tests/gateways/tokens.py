"""Signed tokens for accounts, and the keys that verify them, as Envoy's JWT filter wants them."""

import base64
import hmac
import json

KEY = b"a key of the tests, and no secret"
ISSUER = "https://accounts.example.com"


def jwks() -> str:
    """The keys, as a JSON Web Key Set."""
    return json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "kid": "test", "k": _encoded(KEY)}]})


def bearer(account_id: str | int) -> dict[str, str]:
    """The header of a request from the account."""
    header = _encoded(json.dumps({"alg": "HS256", "kid": "test", "typ": "JWT"}).encode())
    claims = _encoded(json.dumps({"iss": ISSUER, "sub": account_id, "exp": 4_102_444_800}).encode())
    signature = _encoded(hmac.digest(KEY, f"{header}.{claims}".encode(), "sha256"))
    return {"Authorization": f"Bearer {header}.{claims}.{signature}"}


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
