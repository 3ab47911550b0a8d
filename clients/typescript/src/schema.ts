// Generated from the server's OpenAPI document by `npm run schema`. Do not edit.
export interface paths {
    "/api/badges": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All badges */
        get: operations["getBadgeCatalogue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/progress/activity/{userId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A learner's activity by day */
        get: operations["getActivity"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/progress/badges/{userId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A learner's badges */
        get: operations["getBadges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/progress/dashboard/{userId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A learner's dashboard */
        get: operations["getDashboard"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/progress/event": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Record an event */
        post: operations["recordEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/progress/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Record many events */
        post: operations["recordEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/progress/goals/{userId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A learner's goals */
        get: operations["getGoals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/progress/history/{userId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A learner's history */
        get: operations["getUserHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/progress/leaderboard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A leaderboard */
        get: operations["getLeaderboard"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/progress/rank/{userId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A learner's rank */
        get: operations["getRank"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Activity: {
            days: components["schemas"]["ActivityDay"][];
            stale?: true;
            /**
             * @default true
             * @constant
             */
            success?: true;
            timeZone: string;
        };
        ActivityDay: {
            date: string;
            events: number;
            points: number;
            state?: "frozen" | "paused" | "repaired";
        };
        AllOf: {
            /** @constant */
            kind: "all";
            of: (components["schemas"]["Count"] | components["schemas"]["Distinct"] | components["schemas"]["Sum"] | components["schemas"]["Points"] | components["schemas"]["Level"] | components["schemas"]["Streak"] | components["schemas"]["Span"] | components["schemas"]["Badges"] | components["schemas"]["AllOf"] | components["schemas"]["AnyOf"])[];
        };
        AnyOf: {
            /** @constant */
            kind: "any";
            of: (components["schemas"]["Count"] | components["schemas"]["Distinct"] | components["schemas"]["Sum"] | components["schemas"]["Points"] | components["schemas"]["Level"] | components["schemas"]["Streak"] | components["schemas"]["Span"] | components["schemas"]["Badges"] | components["schemas"]["AllOf"] | components["schemas"]["AnyOf"])[];
        };
        BadgeCatalogue: {
            badges: components["schemas"]["BadgeDefinitionView"][];
            stale?: true;
            /**
             * @default true
             * @constant
             */
            success?: true;
            total: number;
        };
        BadgeDefinitionView: {
            badgeId: string;
            category: string;
            criterion: components["schemas"]["Count"] | components["schemas"]["Distinct"] | components["schemas"]["Sum"] | components["schemas"]["Points"] | components["schemas"]["Level"] | components["schemas"]["Streak"] | components["schemas"]["Span"] | components["schemas"]["Badges"] | components["schemas"]["AllOf"] | components["schemas"]["AnyOf"] | null;
            description: string;
            from?: string;
            held: components["schemas"]["Rarity"] | null;
            hidden?: true;
            icon: string;
            name: string;
            points: number;
            rarity: string;
            repeat?: "week" | "month";
            requires?: string[];
            tiers?: string[];
            until?: string;
        };
        Badges: {
            /** @enum {null|string} */
            category?: "coding" | "learning" | "social" | "milestone" | "streak" | null;
            /** @constant */
            kind: "badges";
            /** @enum {null|string} */
            rarity?: "common" | "rare" | "epic" | "legendary" | null;
            target: number;
        };
        BadgeStateView: {
            badgeId: string;
            category: string;
            count?: number;
            current: number;
            description: string;
            earned: boolean;
            earnedAt: string | null;
            fraction: number;
            held: components["schemas"]["Rarity"] | null;
            hidden?: true;
            icon: string;
            lastEarnedAt?: string;
            name: string;
            points: number;
            rarity: string;
            repeat?: "week" | "month";
            target: number;
        };
        BadgeView: {
            badgeId: string;
            category: string;
            count?: number;
            currencies?: {
                [key: string]: number;
            };
            description: string;
            earnedAt: string;
            held?: components["schemas"]["Rarity"] | null;
            icon: string;
            lastEarnedAt?: string;
            name: string;
            period?: string;
            points: number;
            rarity: string;
        };
        BatchAnswer: {
            queued?: number;
            recorded: number;
            rejected: number;
            replayed: number;
            results: components["schemas"]["BatchResult"][];
            stale?: true;
            /**
             * @default true
             * @constant
             */
            success?: true;
        };
        BatchResult: {
            boost?: components["schemas"]["Boosted"];
            code?: string;
            currencies?: {
                [key: string]: number;
            };
            error?: string;
            errors?: components["schemas"]["FieldError"][];
            eventId: string | null;
            line: number;
            newBadges?: components["schemas"]["BadgeView"][];
            points?: number;
            progress?: components["schemas"]["ProgressView"];
            /** @enum {string} */
            status: "recorded" | "replayed" | "queued" | "conflict" | "invalid";
            timestamp?: string;
            unpaid?: "once" | "cooldown" | "daily-cap";
        };
        Boosted: {
            boostId: string;
            points: number;
        };
        Count: {
            event?: string | string[] | null;
            /** @constant */
            kind: "count";
            /** @enum {null|string} */
            per?: "day" | "week" | "month" | null;
            target: number;
            where?: {
                [key: string]: string | number | boolean | (string | number | boolean)[] | components["schemas"]["Range"];
            };
        };
        CurrencyView: {
            balance: number;
            earned: number;
            level?: number;
            name: string;
            owed?: number;
            spent: number;
        };
        Dashboard: {
            badges: components["schemas"]["BadgeView"][];
            currencies?: {
                [key: string]: components["schemas"]["CurrencyView"];
            };
            dailyStreak: number;
            eventStats: {
                [key: string]: components["schemas"]["TypeStats"];
            };
            goals?: components["schemas"]["Goal"][];
            levelProgress: components["schemas"]["LevelProgress"];
            longestStreak: number;
            monthlyEvents: number;
            newBadges: components["schemas"]["BadgeView"][];
            nextBadges: components["schemas"]["NextBadge"][];
            stale?: true;
            streak?: components["schemas"]["StreakView"];
            /**
             * @default true
             * @constant
             */
            success?: true;
            topLanguages: components["schemas"]["LanguageCount"][];
            totalEvents: number;
            user: components["schemas"]["UserView"];
            weeklyEvents: number;
        };
        Distinct: {
            event?: string | string[] | null;
            field: string;
            /** @constant */
            kind: "distinct";
            /** @enum {null|string} */
            per?: "day" | "week" | "month" | null;
            target: number;
            where?: {
                [key: string]: string | number | boolean | (string | number | boolean)[] | components["schemas"]["Range"];
            };
        };
        EventView: {
            boost?: components["schemas"]["Boosted"];
            codeLength: number | null;
            currencies?: {
                [key: string]: number;
            };
            eventId: string;
            eventType: string;
            language: string | null;
            metadata: {
                [key: string]: unknown;
            };
            onceKey?: string;
            points: number;
            sessionDuration: number | null;
            timestamp: string;
            unpaid?: "once" | "cooldown" | "daily-cap";
            userId: string;
        };
        FieldError: {
            field: string;
            message: string;
        };
        Goal: {
            current: number;
            fraction: number;
            /** Format: date */
            from: string;
            goalId: string;
            isMet: boolean;
            /** @enum {string} */
            measure: "events" | "points";
            /** @enum {string} */
            per: "day" | "week";
            target: number;
            /** Format: date */
            until: string;
        };
        GoalPeriod: {
            current: number;
            /** Format: date */
            from: string;
            isMet: boolean;
            target: number;
            /** Format: date */
            until: string;
        };
        GoalRecord: {
            goalId: string;
            /** @enum {string} */
            measure: "events" | "points";
            metCount: number;
            past: components["schemas"]["GoalPeriod"][];
            /** @enum {string} */
            per: "day" | "week";
            present: components["schemas"]["GoalPeriod"] | null;
            run: number;
        };
        Goals: {
            goals: components["schemas"]["GoalRecord"][];
            stale?: true;
            /**
             * @default true
             * @constant
             */
            success?: true;
        };
        HistoryAnswer: {
            entries: components["schemas"]["HistoryEntryView"][];
            next: string | null;
            stale?: true;
            /**
             * @default true
             * @constant
             */
            success?: true;
        };
        HistoryEntryView: {
            at: string;
            awards: components["schemas"]["BadgeView"][];
            cause?: "backfill" | "grant";
            currencies?: {
                [key: string]: number;
            };
            day?: string;
            event?: components["schemas"]["HistoryEvent"];
            eventId?: string;
            goals?: {
                [key: string]: number | null;
            };
            kind: string;
            otherUserId?: string;
            points: number;
            reason?: string;
            recordedAt: string;
            revoked?: components["schemas"]["BadgeView"][];
            seq: number;
            spendingId?: string;
        };
        HistoryEvent: {
            boost?: components["schemas"]["Boosted"] | null;
            eventId: string;
            eventType: string;
            metadata: {
                [key: string]: unknown;
            };
            /** @default 0 */
            returned?: number;
            /** @enum {null|string} */
            unpaid?: "once" | "cooldown" | "daily-cap" | null;
        };
        LanguageCount: {
            _id: string;
            count: number;
            language: string;
        };
        Leaderboard: {
            currency?: string;
            language?: string;
            leaderboard: components["schemas"]["LeaderboardRow"][];
            next: string | null;
            period: string;
            stale?: true;
            /**
             * @default true
             * @constant
             */
            success?: true;
            timeframe: string;
            total: number;
        };
        LeaderboardRow: {
            _id: string;
            badges: string[];
            currencyLevel?: number;
            displayName: string;
            hasName: boolean;
            lastActiveAt: string | null;
            level: number;
            photoURL: string | null;
            points: number;
            previousRank: number | null;
            rank: number;
            totalPoints: number;
            userId: string;
        };
        LearningEvent: {
            /** @default null */
            eventId?: string | null;
            eventType: string;
            /** @default {} */
            metadata?: Record<string, unknown> | null;
            /** @default null */
            onceKey?: string | null;
            /** @default null */
            timestamp?: string | null;
            userId: string;
        };
        Level: {
            /** @constant */
            kind: "level";
            target: number;
        };
        LevelProgress: {
            fraction: number;
            level: number;
            nextLevelAt: number | null;
            points: number;
        };
        NextBadge: {
            badgeId: string;
            current: number;
            fraction: number;
            name: string;
            target: number;
        };
        PauseView: {
            from: string;
            until: string;
        };
        Points: {
            /** @constant */
            kind: "points";
            target: number;
        };
        Problem: {
            amount?: number;
            balance?: number;
            currency?: string;
            detail: string;
            error: string;
            /** @default [] */
            errors?: components["schemas"]["FieldError"][];
            /** @default false */
            fallback?: boolean;
            status: number;
            /** @enum {unknown} */
            success: false;
            title: string;
            type: string;
        };
        ProgressView: {
            dailyStreak: number;
            level: number;
            leveledUp: boolean;
            totalPoints: number;
        };
        QueuedEventView: {
            codeLength: number | null;
            eventId: string;
            eventType: string;
            language: string | null;
            metadata: {
                [key: string]: unknown;
            };
            onceKey?: string;
            points?: null;
            sessionDuration: number | null;
            timestamp: string;
            userId: string;
        };
        QueuedView: {
            event: components["schemas"]["QueuedEventView"];
            newBadges?: components["schemas"]["BadgeView"][];
            /**
             * @default true
             * @constant
             */
            queued?: true;
            /** @default The database is away. The event is safe on this server's disk and is recorded, once, when the database is back: what it brings is decided then, or stands already if it was recorded before. */
            reason?: string;
            /**
             * @default true
             * @constant
             */
            success?: true;
        };
        Range: {
            max?: number | null;
            min?: number | null;
        };
        Rank: {
            currency?: string;
            language?: string;
            of: number;
            percentile: number | null;
            period: string;
            points: number | null;
            pointsToNext: number | null;
            rank: number | null;
            stale?: true;
            /**
             * @default true
             * @constant
             */
            success?: true;
            timeframe: string;
        };
        Rarity: {
            count: number;
            share: number;
        };
        RecordedView: {
            event: components["schemas"]["EventView"];
            newBadges: components["schemas"]["BadgeView"][];
            progress: components["schemas"]["ProgressView"];
            stale?: true;
            /**
             * @default true
             * @constant
             */
            success?: true;
        };
        RepairableView: {
            days: string[];
            price: number;
        };
        Span: {
            /** @constant */
            kind: "span";
            target: number;
        };
        Streak: {
            /** @constant */
            kind: "streak";
            target: number;
        };
        StreakView: {
            freezes?: number;
            /** @enum {string} */
            per: "day" | "week";
            repair?: components["schemas"]["RepairableView"];
        };
        Sum: {
            event?: string | string[] | null;
            field: string;
            /** @constant */
            kind: "sum";
            /** @enum {null|string} */
            per?: "day" | "week" | "month" | null;
            target: number;
            where?: {
                [key: string]: string | number | boolean | (string | number | boolean)[] | components["schemas"]["Range"];
            };
        };
        /** @enum {string} */
        Timeframe: "all-time" | "monthly" | "weekly" | "daily";
        TypeStats: {
            count: number;
            points: number;
        };
        UserBadges: {
            badges: components["schemas"]["BadgeStateView"][];
            stale?: true;
            /**
             * @default true
             * @constant
             */
            success?: true;
        };
        UserView: {
            alias?: string | null;
            badges: string[];
            badgesSeenAt?: string | null;
            createdAt: string;
            displayName: string;
            goals?: {
                [key: string]: number;
            };
            hasName: boolean;
            lastActiveAt: string | null;
            level: number;
            mergedInto?: string;
            pauses?: components["schemas"]["PauseView"][];
            photoURL: string | null;
            preferences?: {
                [key: string]: unknown;
            };
            timeZone: string;
            totalPoints: number;
            userId: string;
            visibility?: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getBadgeCatalogue: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BadgeCatalogue"];
                };
            };
        };
    };
    getActivity: {
        parameters: {
            query?: {
                from?: string | null;
                to?: string | null;
            };
            header?: never;
            path: {
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Activity"];
                };
            };
        };
    };
    getBadges: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserBadges"];
                };
            };
        };
    };
    getDashboard: {
        parameters: {
            query?: {
                since?: string | null;
            };
            header?: never;
            path: {
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dashboard"];
                };
            };
        };
    };
    recordEvent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LearningEvent"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotent-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordedView"] | components["schemas"]["QueuedView"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordedView"];
                };
            };
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QueuedView"];
                };
            };
        };
    };
    recordEvents: {
        parameters: {
            query?: {
                outcomes?: "short" | "full";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LearningEvent"][];
                "application/jsonl": string;
                "application/ndjson": string;
                "application/x-ndjson": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchAnswer"];
                };
            };
        };
    };
    getGoals: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Goals"];
                };
            };
        };
    };
    getUserHistory: {
        parameters: {
            query?: {
                cursor?: string | null;
                limit?: number;
            };
            header?: never;
            path: {
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryAnswer"];
                };
            };
        };
    };
    getLeaderboard: {
        parameters: {
            query?: {
                around?: string | null;
                currency?: string | null;
                cursor?: string | null;
                language?: string | null;
                limit?: number;
                period?: string | null;
                sort?: "points" | "total";
                timeframe?: components["schemas"]["Timeframe"] | null;
                users?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Leaderboard"];
                };
            };
        };
    };
    getRank: {
        parameters: {
            query?: {
                currency?: string | null;
                language?: string | null;
                period?: string | null;
                timeframe?: components["schemas"]["Timeframe"] | null;
            };
            header?: never;
            path: {
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rank"];
                };
            };
        };
    };
}
