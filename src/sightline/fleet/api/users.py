"""Users over HTTP, and their tokens: for admins. A token is shown when it is made, a password never."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from sightline.fleet.api.described import failing
from sightline.fleet.api.generations import TAGGED, Expected, tagged
from sightline.fleet.api.paging import Page, Part
from sightline.fleet.entrance.entrance import Entrance
from sightline.fleet.entrance.user_tokens import LONGEST_S, USUAL_S, MadeToken
from sightline.fleet.people.passwords import LONGEST, SHORTEST
from sightline.fleet.people.principal import Role
from sightline.fleet.store.row import Page as Found
from sightline.fleet.store.row import Text
from sightline.fleet.store.user_tokens import UserTokenOut
from sightline.fleet.store.users import UserName, UserOut

Name = Annotated[str, Path(description="its name", examples=["ada"])]
TokenId = Annotated[str, Path(description="its token_id", examples=["0a1b2c3d4e5f"])]
Password = Annotated[
    SecretStr,
    Field(min_length=SHORTEST, max_length=LONGEST, description="its hash is kept"),
]
RowT = TypeVar("RowT")
_ABSENT: Final = "there is no such user"
_LAST: Final = "it is the last admin who may log in"


class PersonBody(BaseModel):
    """No unknown keys; nothing of a mistake shows what came."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)


class UserIn(PersonBody):
    """A user that is to be."""

    name: UserName = Field(examples=["ada"])
    role: Role = Role.VIEWER
    password: Password | None = Field(
        default=None,
        description="left out: there is no login, but tokens hold",
        examples=["correct horse battery"],
    )


class UserChange(PersonBody):
    """What is to become of a user; what is left out stays."""

    role: Role | None = Field(default=None, examples=["operator"])
    disabled: bool | None = Field(default=None, description="may do nothing", examples=[False])


class NewPassword(PersonBody):
    """Another password."""

    password: Password = Field(examples=["correct horse battery"])


class UserTokenWish(PersonBody):
    """What a new token is to be."""

    description: Text = Field(default="", description="for people", examples=["the nightly export"])
    role: Role = Field(default=Role.ADMIN, description="what it allows at most; never more than its user may")
    life_s: float = Field(default=USUAL_S, gt=0, le=LONGEST_S, description="seconds for which it holds")


class UserTokenMade(UserTokenOut):
    """A new token, with its text."""

    token: str = Field(
        description="for the program; a secret, shown this once", examples=["slt_0a1b2c3d4e5f.SECRET"]
    )

    @classmethod
    def of(cls, made: MadeToken) -> UserTokenMade:
        return cls(**made.row.model_dump(), token=made.text)


def user_routes(entrance: Entrance) -> APIRouter:
    """All that can be done with users."""
    users = entrance.users
    router = APIRouter(prefix="/api/v1/users", tags=["users"])

    @router.get("")
    def list_users(wanted: Annotated[Part, Query()], request: Request, response: Response) -> Page[UserOut]:
        """All, by name."""
        return wanted.page(part_of(users.list(), wanted), request, response)

    @router.post(
        "",
        status_code=HTTPStatus.CREATED,
        responses={201: {"headers": TAGGED}, **failing(conflict="there is one of this name")},
    )
    def create_user(user: UserIn, response: Response) -> UserOut:
        """One more."""
        password = None if user.password is None else user.password.get_secret_value()
        made = users.add(user.name, user.role, password)
        response.headers["location"] = f"/api/v1/users/{quote(made.name, safe='')}"
        return tagged(made, response)

    _add_rows(router, entrance)
    _add_tokens(router, entrance)
    return router


def _add_rows(router: APIRouter, entrance: Entrance) -> None:
    users = entrance.users

    @router.get("/{user}", responses={200: {"headers": TAGGED}, **failing(not_found=_ABSENT)})
    def get_user(user: Name, response: Response) -> UserOut:
        """One user."""
        return tagged(users.get(user), response)

    @router.patch(
        "/{user}",
        responses={
            200: {"headers": TAGGED},
            **failing(
                not_found=_ABSENT,
                conflict=_LAST,
                precondition_failed="it is of another generation than If-Match says",
            ),
        },
    )
    def change_user(user: Name, values: UserChange, expected: Expected, response: Response) -> UserOut:
        """Change what they may; where it is another than before, all their logins end."""
        changed = users.change(user, role=values.role, disabled=values.disabled, generation=expected)
        return tagged(changed, response)

    @router.put("/{user}/password", status_code=HTTPStatus.NO_CONTENT, responses=failing(not_found=_ABSENT))
    def set_user_password(user: Name, wanted: NewPassword) -> None:
        """Another one; all their logins end, their tokens hold on."""
        users.set_password(user, wanted.password.get_secret_value())

    @router.delete(
        "/{user}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=failing(not_found=_ABSENT, conflict=_LAST),
    )
    def delete_user(user: Name) -> None:
        """Forget them, their logins and their tokens; what they did stays in the audit."""
        users.remove(user)


def _add_tokens(router: APIRouter, entrance: Entrance) -> None:
    tokens = entrance.tokens

    @router.get("/{user}/tokens", responses=failing(not_found=_ABSENT))
    def list_user_tokens(
        user: Name, wanted: Annotated[Part, Query()], request: Request, response: Response
    ) -> Page[UserTokenOut]:
        """Those of a user, without what is secret, the newest first."""
        return wanted.page(part_of(tokens.list(user), wanted), request, response)

    @router.post(
        "/{user}/tokens",
        status_code=HTTPStatus.CREATED,
        responses=failing(not_found=_ABSENT, conflict="they have too many"),
    )
    def create_user_token(user: Name, wish: Annotated[UserTokenWish | None, Body()] = None) -> UserTokenMade:
        """One more, for a program of theirs."""
        wanted = wish or UserTokenWish()
        made = tokens.make(user, role=wanted.role, description=wanted.description, life_s=wanted.life_s)
        return UserTokenMade.of(made)

    @router.delete(
        "/{user}/tokens/{token_id}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=failing(not_found="there is no such user, or no such token of theirs"),
    )
    def revoke_user_token(user: Name, token_id: TokenId) -> None:
        """It holds no more, from now on."""
        tokens.revoke(token_id, user)


def part_of(rows: list[RowT], wanted: Part) -> Found[RowT]:
    """Of a list that is short enough to be read whole."""
    return Found(items=rows[wanted.offset : wanted.offset + wanted.limit], total=len(rows))
