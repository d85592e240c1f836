"""Each sign-in of ``docs/sign-ins.rst``, with correct, wrong, repeated and expired secrets."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import time_machine
from accounts import sms
from accounts.models import Passkey, SignInCode, User
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core import mail, signing
from django.core.cache import cache
from django.core.management import call_command
from django.test.utils import setup_test_environment
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from django_tokenauth import services
from django_tokenauth.models import Session
from tests.support.clock import NOW
from tests.support.scenarios.sign_ins import leaks
from tests.support.scenarios.sign_ins.authenticator import Authenticator
from tests.support.scenarios.sign_ins.client import (
    EMAIL,
    PASSWORD,
    PHONE,
    last_code,
    last_link,
    outcome,
    send,
)
from tests.support.scenarios.sign_ins.directory import ENTRIES

DOMAIN = "auth.example.com"


def scenario() -> dict[str, Any]:
    # Collect e-mails instead of sending them.
    setup_test_environment()
    call_command("check", fail_level="ERROR")
    call_command("migrate", run_syncdb=True, verbosity=0)
    parts = (
        email,
        code,
        guessed_code,
        sent_codes,
        link,
        second_factor,
        guessed_second_factor,
        passkey,
        rejected_passkey,
        directory,
        single_sign_on,
        staff,
        *leaks.PARTS,
    )
    results = {}
    for part in parts:
        cache.clear()
        sms.sent.clear()
        mail.outbox = []
        for model in (Session, SignInCode, User):
            model.objects.all().delete()
        alice = User.objects.create_user(EMAIL, PASSWORD, phone=PHONE)
        with time_machine.travel(NOW, tick=False) as clock:
            results[part.__name__] = part(alice, clock)
    return results


def email(alice: Any, clock: Any) -> Any:
    return [
        outcome(send("token/", {name: address, "password": PASSWORD}))
        for name, address in (("email", EMAIL), ("username", EMAIL), ("email", EMAIL.upper()))
    ]


def code(alice: Any, clock: Any) -> Any:
    responses = [send("code/send/", {"phone": number}) for number in (PHONE, "+82101111111")]
    body = {"phone": PHONE, "code": last_code()}
    wrong = {**body, "code": f"{(int(last_code()) + 1) % 10**6:06}"}
    malformed = {"phone": "82", "code": "12"}
    tried = [outcome(send("code/", each)) for each in (malformed, wrong, body, body)]
    send("code/send/", {"phone": PHONE})
    late = {"phone": PHONE, "code": last_code()}
    clock.shift(timedelta(minutes=5))
    expired = outcome(send("code/", late))
    send("code/send/", {"phone": PHONE})
    User.objects.update(is_active=False)
    inactive = outcome(send("code/", {"phone": PHONE, "code": last_code()}))
    same = len({(each.status_code, each.content) for each in responses}) == 1
    sent = send("code/send/", {"phone": PHONE}).status_code
    return [same, tried, expired, inactive, sent, [number for number, _ in sms.sent]]


def guessed_code(alice: Any, clock: Any) -> Any:
    """Guess five times at different addresses, then send the correct code."""
    send("code/send/", {"phone": PHONE})
    body = {"phone": PHONE, "code": last_code()}
    wrong = {**body, "code": f"{(int(last_code()) + 1) % 10**6:06}"}
    for number in range(5):
        send("code/", wrong, REMOTE_ADDR=f"192.0.2.{number}")
    return [SignInCode.objects.get().guesses, outcome(send("code/", body))]


def sent_codes(alice: Any, clock: Any) -> Any:
    """Send eleven codes to one number, from several addresses."""
    codes = []
    for number in range(11):
        response = send("code/send/", {"phone": PHONE}, REMOTE_ADDR=f"192.0.2.{number}")
        codes.append(response.status_code)
    return [codes.count(202), codes[-1], send("code/send/", {"phone": "x"}).status_code]


def link(alice: Any, clock: Any) -> Any:
    responses = [send("link/send/", {"email": each}) for each in (EMAIL.upper(), "x@example.com")]
    body = last_link()
    # A key of any type, such as a UUID, is a string in the link.
    assert isinstance(signing.loads(body["link"], salt="accounts.links")[0], str)
    tried = [outcome(send("link/", each)) for each in ({"link": "x"}, {}, body, body)]
    send("link/send/", {"email": EMAIL})
    after_sign_in = last_link()
    clock.shift(timedelta(seconds=1))
    send("token/", {"email": EMAIL, "password": PASSWORD})
    stale = outcome(send("link/", after_sign_in))
    send("link/send/", {"email": EMAIL})
    clock.shift(timedelta(seconds=601))
    expired = outcome(send("link/", last_link()))
    send("link/send/", {"email": EMAIL})
    User.objects.update(email="new@example.com")
    moved = outcome(send("link/", last_link()))
    same = len({(each.status_code, each.content) for each in responses}) == 1
    return [same, tried, stale, expired, moved, len(mail.outbox)]


def device_of(user: Any) -> Any:
    return TOTPDevice.objects.create(user=user, name="phone")


def current_code(device: Any) -> str:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time()
    return f"{totp.token():06}"


def second_factor(alice: Any, clock: Any) -> Any:
    body = {"email": EMAIL, "password": PASSWORD}
    without_device = outcome(send("token/", body))
    device = device_of(alice)
    for _ in range(25):
        # A missing code is not a failure.
        required = outcome(send("token/", body))
    wrong_password = outcome(send("token/", {**body, "password": "wrong"}))
    with_code = {**body, "code": current_code(device), "device_name": "laptop"}
    signed_in = outcome(send("token/", with_code))
    named = Session.objects.filter(device_name="laptop").count()
    repeated = outcome(send("token/", with_code))
    refresh = services.sign_in(alice).refresh_token
    grant = {"grant_type": "refresh_token", "refresh_token": refresh}
    refreshed = send("token/", grant).status_code
    clock.shift(timedelta(minutes=1))
    pair = services.sign_in(alice)
    with_token = {**body, "refresh_token": pair.refresh_token}
    stepped_up = [
        outcome(send("token/", with_token)),
        outcome(send("token/", {**with_token, "code": current_code(device)})),
        Session.objects.get(pk=pair.session.pk).methods,
    ]
    results = [without_device, required, wrong_password, signed_in, named, repeated, refreshed]
    return [*results, stepped_up]


def guessed_second_factor(alice: Any, clock: Any) -> Any:
    """Guess codes at one address until the throttle rejects even the correct code."""
    device = device_of(alice)
    body = {"email": EMAIL, "password": PASSWORD, "code": "wrong"}
    codes = [send("token/", body).status_code for _ in range(21)]
    correct = {**body, "code": current_code(device)}
    elsewhere = send("token/", correct, REMOTE_ADDR="192.0.2.1")
    # django-otp delays the device at each address.
    return [codes.count(400), codes[-1], outcome(send("token/", correct)), outcome(elsewhere)]


def register(authenticator: Authenticator, token: str) -> Any:
    begun = send("passkey/register/", {}, method="PUT", token=token).json()
    credential = authenticator.register(begun["options"])
    body = {"ceremony": begun["ceremony"], "credential": credential}
    return [send("passkey/register/", body, token=token).status_code for _ in range(2)]


def passkey(alice: Any, clock: Any) -> Any:
    authenticator = Authenticator(DOMAIN)
    token = services.sign_in(alice).access_token
    registered = register(authenticator, token)
    again = register(authenticator, token)[0]
    begun = send("passkey/options/", {}).json()
    body = {"ceremony": begun["ceremony"], "credential": authenticator.sign_in(begun["options"])}
    tried = [outcome(send("passkey/", body)) for _ in range(2)]
    shown = "allowCredentials" in begun["options"] and begun["options"]["allowCredentials"]
    return [registered, again, tried, Passkey.objects.get().sign_count, shown]


def rejected_passkey(alice: Any, clock: Any) -> Any:
    """Try forged, malformed and unknown credentials, and those of inactive users."""
    token = services.sign_in(alice).access_token
    genuine, other = Authenticator(DOMAIN), Authenticator(DOMAIN)
    register(genuine, token)
    unknown = {"ceremony": "x" * 22, "credential": {}}
    rejected = [
        register(Authenticator("example.com"), token)[0],
        register(Authenticator(DOMAIN, origin="https://example.com"), token)[0],
        register(Authenticator(DOMAIN, verified=False), token)[0],
        send("passkey/register/", unknown, token=token).status_code,
        send("passkey/register/", {}, method="PUT").status_code,
    ]
    results = []

    def attempt(change: Any, authenticator: Authenticator = genuine) -> None:
        cache.clear()
        begun = send("passkey/options/", {}).json()
        credential = authenticator.sign_in(begun["options"])
        change(credential)
        body = {"ceremony": begun["ceremony"], "credential": credential}
        results.append(outcome(send("passkey/", body)))

    attempt(lambda credential: credential["response"].update(signature="AAAA"))
    attempt(lambda credential: credential["response"].update(signature="\0"))
    attempt(lambda credential: credential["response"].update(authenticatorData="AAAA"))
    attempt(lambda credential: credential["response"].update(clientDataJSON="AAAA"))
    attempt(lambda credential: credential.update(rawId="\0", id="\0"))
    attempt(lambda credential: credential.update(rawId=1))
    attempt(lambda credential: credential.clear())
    attempt(lambda credential: None, other)
    other_ceremony = {"ceremony": "x" * 22, "credential": {}}
    results.append(outcome(send("passkey/", other_ceremony)))
    User.objects.update(is_active=False)
    attempt(lambda credential: None)
    return [rejected, results]


def directory(alice: Any, clock: Any) -> Any:
    [(name, password)] = ENTRIES.items()
    bodies = [{"email": name, "password": each} for each in (password, password, "wrong", "")]
    results = [outcome(send("token/", body)) for body in bodies]
    return [results, User.objects.filter(email=name).count(), outcome_of_password()]


def outcome_of_password() -> Any:
    return outcome(send("token/", {"email": EMAIL, "password": PASSWORD}))


def single_sign_on(alice: Any, clock: Any) -> Any:
    results = [
        outcome(send("sso/", {}, REMOTE_USER=EMAIL)),
        outcome(send("sso/", {}, HTTP_REMOTE_USER=EMAIL)),
        outcome(send("sso/", {})),
    ]
    User.objects.update(is_active=False)
    return [*results, outcome(send("sso/", {}, REMOTE_USER=EMAIL))]


def staff(alice: Any, clock: Any) -> Any:
    bob = User.objects.create_user("bob@example.com", PASSWORD, is_staff=True)
    token = services.sign_in(bob).access_token
    path = f"act-as/{alice.pk}/"
    denied = send(path, {}, token=token).status_code
    permission = Permission.objects.create(
        codename="act_as_user", content_type=ContentType.objects.get_for_model(User)
    )
    bob.user_permissions.add(permission)
    response = send(path, {}, token=token)
    claims = services.authenticate_access_token(response.json()["access_token"])
    nested = send(path, {}, token=response.json()["access_token"]).status_code
    anonymous = send(path, {}).status_code
    body = {"refresh_token": response.json()["refresh_token"]}
    refreshed = send("token/refresh/", body).status_code
    permission.delete()
    ended = send("token/refresh/", body).status_code
    who = [claims.subject == str(alice.pk), claims.actor == str(bob.pk)]
    return [denied, response.status_code, who, nested, anonymous, refreshed, ended]
